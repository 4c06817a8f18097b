package webhook

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

// times is a list of n times the same JSON value.
func times(n int, value string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]"
}

// TestMuchOfEverything: however much is wrong, the answer is short and comes
// soon. What the API server lets through of one object is some 3 MiB.
func TestMuchOfEverything(t *testing.T) {
	const enough = 900_000
	deep := []byte(strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20))
	certificate := func(spec string) string {
		return `{"metadata":{"name":"x"},"spec":{"secretName":"s","issuerRef":{"name":"i"},` + spec + `}}`
	}
	tests := map[string]struct {
		ask  ask
		path string
		says string // the denial; empty if allowed
	}{
		"29,000 wrong names": {
			path: "/mutate", ask: ask{resource: "certificates", operation: "CREATE", object: certificate(`"dnsNames":` + times(29_000, `""`))},
			says: "and 28950 more errors",
		},
		"29,000 names to warn about": {
			path: "/validate", ask: ask{resource: "certificates", operation: "CREATE", object: certificate(`"dnsNames":` + times(29_000, `"10.0.0.1"`))},
		},
		"a list of wrong names as long as it gets": {
			path: "/mutate", ask: ask{resource: "certificates", operation: "CREATE", object: certificate(`"dnsNames":` + times(enough, `""`))},
			says: "spec: has more than 30000 values",
		},
		"a list of wrong usages as long as it gets": {
			path: "/validate", ask: ask{resource: "certificaterequests", operation: "CREATE", object: `{"spec":{"usages":` + times(enough, `""`) + `}}`},
			says: "spec: has more than 30000 values",
		},
		"as many wrong solvers": {
			path: "/validate", ask: ask{resource: "issuers", operation: "CREATE", object: `{"spec":{"acme":{"solvers":` + times(enough, `{}`) + `}}}`},
			says: "spec: has more than 30000 values",
		},
		"as many approvals": {
			path: "/validate", ask: ask{
				resource: "certificaterequests", sub: "status", operation: "UPDATE", object: `{"spec":{},"status":{"conditions":` + times(30_001, approved) + `}}`, old: `{"spec":{}}`},
			says: "status.conditions: has more than 30000 values",
		},
		"as many annotations": {
			path: "/validate", ask: ask{resource: "certificaterequests", operation: "CREATE", object: `{"metadata":{"annotations":{"a":"` + strings.Repeat(`","a":"`, 400_000) + `"}},"spec":{}}`},
			says: "metadata.annotations: has more than 30000 values",
		},
		"a change of what was too long before": {
			path: "/validate", ask: ask{resource: "certificates", operation: "UPDATE", object: certificate(`"dnsNames":["a.example"]`), old: certificate(`"dnsNames":` + times(enough, `""`))},
		},
		"lists in lists in lists": {
			path: "/mutate", ask: ask{resource: "certificates", operation: "CREATE", object: certificate(`"dnsNames":"deep"`)},
			says: "spec.dnsNames",
		},
		"lists in lists where nobody looks": {
			path: "/validate", ask: ask{resource: "certificates", operation: "CREATE", object: strings.Replace(certificate(`"dnsNames":["a.example"]`), `"name":"x"`, `"managedFields":"deep"`, 1)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := bytes.Replace(tt.ask.body(t), []byte(`"deep"`), deep, 1)
			begin := time.Now()
			w := send(Handler(Config{Permissions: grant{}}), http.MethodPost, tt.path, bytes.NewReader(body))
			// Seconds, where minutes were the rule: the machine may be busy.
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			answer := w.Body.String()
			if len(answer) > 64<<10 {
				t.Errorf("the answer is %d bytes long: %.500s", len(answer), answer)
			}
			if w.Code != http.StatusOK || strings.Contains(answer, `"allowed":true`) != (tt.says == "") || !strings.Contains(answer, tt.says) {
				t.Errorf("HTTP %d: %.1000s; want it to say %q", w.Code, answer, tt.says)
			}
		})
	}
}
