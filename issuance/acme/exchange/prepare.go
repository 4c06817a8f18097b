package exchange

import (
	"fmt"
	"os"
	"strings"

	legolog "github.com/go-acme/lego/v4/log"
	"github.com/go-logr/logr"
)

// Prepare makes lego fit to live in a server: its log goes to lg, and the
// environment variables that change what it does for everybody are unset. The
// program calls it once, before anything else runs.
func Prepare(lg logr.Logger) error {
	legolog.Logger = legoLogger{lg}
	for _, name := range []string{
		"LEGO_DISABLE_CNAME_SUPPORT", "LEGO_EXPERIMENTAL_DNS_TCP_ONLY",
		"LEGO_DEBUG_DNS_API_HTTP_CLIENT", "LEGO_DEBUG_CLIENT_VERBOSE_ERROR",
		"LEGO_CA_CERTIFICATES", "LEGO_CA_SERVER_NAME", "LEGO_CA_SYSTEM_CERT_POOL",
	} {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("unset %s: %w", name, err)
		}
	}
	return nil
}

// legoLogger logs what lego says; its Fatal does not end the program.
type legoLogger struct{ log logr.Logger }

func (l legoLogger) say(text string) { l.log.V(1).Info("lego says", "text", strings.TrimSpace(text)) }

// Fatal only logs.
func (l legoLogger) Fatal(args ...any) { l.say(fmt.Sprint(args...)) }

// Fatalln only logs.
func (l legoLogger) Fatalln(args ...any) { l.say(fmt.Sprintln(args...)) }

// Fatalf only logs.
func (l legoLogger) Fatalf(format string, args ...any) { l.say(fmt.Sprintf(format, args...)) }

// Print logs.
func (l legoLogger) Print(args ...any) { l.say(fmt.Sprint(args...)) }

// Println logs.
func (l legoLogger) Println(args ...any) { l.say(fmt.Sprintln(args...)) }

// Printf logs.
func (l legoLogger) Printf(format string, args ...any) { l.say(fmt.Sprintf(format, args...)) }
