// Command demo shows the main job end to end on this machine: it sets up a real
// control plane, ACME server, DNS and ingress data plane, runs certwright and
// acmesolver, annotates two Ingresses as a user would, waits for their
// certificates, and fetches both sites over HTTPS with a client that verifies
// name and chain. It succeeds only if all of that really happened.
//
//	go run ./test/demo [-keep]
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/certwright/certwright/test/stage"
)

func main() {
	keep := flag.Bool("keep", false, "stay up at the end, until interrupted")
	bin := flag.String("bin", "bin", "folder with devcluster, certwright and acmesolver")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx, *bin, *keep)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		os.Exit(1)
	}
}

// demo sets the stage, plays, and clears it, whatever happens.
func demo(ctx context.Context, bin string, keep bool) (err error) {
	dir, err := os.MkdirTemp("", "certwright-demo-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	begin := time.Now()
	bin, err = filepath.Abs(bin)
	if err != nil {
		return fmt.Errorf("find programs: %w", err)
	}
	s, err := stage.Up(ctx, stage.Options{Dir: dir, Bin: bin, Progress: func(format string, args ...any) {
		fmt.Printf("%5.1fs  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.Down())
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "logs are in", dir)
		}
	}()
	fmt.Printf("%5.1fs  everything runs\n", time.Since(begin).Seconds())
	if err := play(ctx, s); err != nil {
		return err
	}
	if keep {
		fmt.Printf(keepText, s.Cluster.Kubeconfig, dir, s.DataPlane.HTTPSPort(), s.DataPlane.HTTPSPort(), namespace, s.Metrics)
		<-ctx.Done()
	}
	return nil
}

const keepText = `
Everything stays up until you press Ctrl-C. In another terminal:

    export KUBECONFIG=%s
    kubectl get certificates -A                     # logs are in %s
    curl -k --connect-to ::127.0.0.1:%d https://web.example.test:%d/
    kubectl -n %s delete secret web-tls             # and see it come back
    curl -s http://%s/metrics | grep certmanager_certificate
`

// play does what a user does, and checks what a user sees.
func play(ctx context.Context, s *stage.Stage) error {
	u, err := newUser(s.Cluster.Config)
	if err != nil {
		return err
	}
	port, closeSite, err := serveSite()
	if err != nil {
		return err
	}
	defer closeSite()

	heading("A platform team sets up two issuers, once")
	if err := u.apply(ctx, platformManifest(s, port)); err != nil {
		return err
	}
	if err := u.waitSecret(ctx, "ca-key-pair"); err != nil {
		return err
	}

	heading("An app developer annotates two Ingresses")
	line, err := newTimeline(ctx, u.client, namespace)
	if err != nil {
		return err
	}
	if err := u.apply(ctx, ingressManifest); err != nil {
		return err
	}
	for _, secret := range []string{"web-tls", "intranet-tls"} {
		if err := u.waitSecret(ctx, secret); err != nil {
			return err
		}
	}

	heading("Both sites are served with certificates that verify")
	authority, err := u.kubernetes.CoreV1().Secrets(namespace).Get(ctx, "ca-key-pair", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read CA: %w", err)
	}
	ca := x509.NewCertPool()
	if !ca.AppendCertsFromPEM(authority.Data["tls.crt"]) {
		return errors.New("the CA's Secret has no certificate")
	}
	for _, site := range []struct {
		host  string
		roots *x509.CertPool
	}{{"web.example.test", s.ACME.Roots()}, {"intranet.example.test", ca}} {
		if err := fetch(ctx, s.DataPlane.Client(site.roots), site.host, line); err != nil {
			return err
		}
	}
	for _, certificate := range []string{"ca", "web-tls", "intranet-tls"} {
		if err := u.waitReady(ctx, certificate); err != nil {
			return err
		}
	}

	heading("What happened")
	line.print()
	heading("kubectl get certificate,certificaterequest,order,challenge")
	if err := u.printTables(ctx); err != nil {
		return err
	}
	heading("What Prometheus sees")
	if err := printMetrics(ctx, s.Metrics); err != nil {
		return err
	}
	heading("A mistake is answered at kubectl apply")
	return u.expectRefusal(ctx, mistakeManifest)
}

// fetch gets https://host/ and says what certificate it saw. The client
// verifies name and chain.
func fetch(ctx context.Context, client *http.Client, host string, line *timeline) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var lastErr error
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
		if err != nil {
			return false, err
		}
		response, err := client.Do(request)
		if err != nil {
			lastErr = err
			return false, nil // the data plane sees a new Secret a moment later
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		if err != nil || response.StatusCode != http.StatusOK {
			lastErr = fmt.Errorf("status %d: %w", response.StatusCode, err)
			return false, nil
		}
		leaf := response.TLS.PeerCertificates[0]
		fmt.Printf("  https://%s/  %s\n    %s\n    names %s, valid until %s, verified up to %q\n", host, response.Status,
			strings.TrimSpace(string(body)), strings.Join(leaf.DNSNames, ", "), leaf.NotAfter.Format(time.RFC3339),
			response.TLS.VerifiedChains[0][len(response.TLS.VerifiedChains[0])-1].Subject.CommonName)
		line.add("HTTPS", host, "served and verified")
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("https://%s/: %w: %w", host, err, lastErr)
	}
	return nil
}

// printMetrics prints the expiry metrics.
func printMetrics(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	found := 0
	for text := range strings.Lines(string(body)) {
		if strings.HasPrefix(text, "certmanager_certificate_expiration_timestamp_seconds{") {
			fmt.Print("  ", text)
			found++
		}
	}
	if found < 3 {
		return fmt.Errorf("%d expiry metrics, expected 3", found)
	}
	return nil
}

func heading(text string) { fmt.Printf("\n== %s\n", text) }
