//go:build cluster

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is seen into docs/admission.md")

// A mistake is a manifest as somebody writes it who has not read the
// documentation. Those that are not refused are warned about.
type mistake struct {
	title, manifest string
	allowed         bool
}

// certificateWith is a Certificate whose spec is a secretName and more lines.
func certificateWith(lines ...string) string {
	return "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec:\n  secretName: web-tls\n  " + strings.Join(lines, "\n  ") + "\n"
}

func issuerWith(lines ...string) string {
	return "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: mine}\nspec:\n  " + strings.Join(lines, "\n  ") + "\n"
}

var mistakes = []mistake{
	{title: "A duration in days", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca}", "duration: 90d")},
	{title: "A wildcard from an issuer that has only HTTP-01", allowed: true, manifest: certificateWith(`dnsNames: ["*.example.com"]`, "issuerRef: {name: acme}")},
	{title: "The kind of the issuer misspelt", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca, kind: clusterissuer}")},
	{title: "The group of an external issuer left out", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: step, kind: StepIssuer}")},
	{title: "The size of an RSA key for an ECDSA key", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca}", "privateKey: {algorithm: ECDSA, size: 2048}")},
	{title: "A URL instead of a name", manifest: certificateWith(`dnsNames: ["https://shop.example.com/"]`, "issuerRef: {name: ca}")},
	{title: "A field that does not exist", manifest: certificateWith("dnsName: shop.example.com", "issuerRef: {name: ca}")},
	{title: "Renewal before the certificate is issued", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca}", "duration: 24h", "renewBefore: 720h")},
	{title: "A keystore without a password", manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca}", "keystores: {pkcs12: {create: true}}")},
	{title: "Two types in one issuer", manifest: issuerWith("selfSigned: {}", "ca: {secretName: ca-key-pair}")},
	{title: "A DNS-01 solver without a provider", manifest: issuerWith("acme:", "  server: https://acme-v02.api.letsencrypt.org/directory", "  privateKeySecretRef: {name: account}", "  solvers:", "  - dns01: {}")},
	{title: "An issuer that is not there", allowed: true, manifest: certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: letsencrypt}")},
	{title: "The Secret of another Certificate", allowed: true, manifest: strings.ReplaceAll(certificateWith("dnsNames: [shop.example.com]", "issuerRef: {name: ca}"), "web-tls", "intranet-tls")},
	{title: "Several at once", manifest: certificateWith(`dnsNames: ["shop example com"]`, "issuerRef: {name: \"\"}", "ipAddresses: [10.0.0.256]", "usages: [server auth]", "duration: 30m")},
}

// TestTypicalMistakes applies each mistake with kubectl and holds what it
// prints against docs/admission.md; with -update it writes it there.
func TestTypicalMistakes(t *testing.T) {
	ns := newNamespace(t)
	issuers(t, ns)
	dir := t.TempDir()
	var shown strings.Builder
	for i, m := range mistakes {
		if err := os.WriteFile(filepath.Join(dir, "web.yaml"), []byte(m.manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := world.Cluster.Kubectl(t.Context(), dir, "apply", "-n", ns, "-f", "web.yaml")
		if refused := err != nil; refused == m.allowed {
			t.Errorf("%s: refused %v: %s", m.title, refused, out)
		}
		if m.allowed && !strings.Contains(out, "Warning: ") {
			t.Errorf("%s: nothing is said about it: %s", m.title, out)
		}
		if _, err := world.Cluster.Kubectl(t.Context(), dir, "delete", "-n", ns, "-f", "web.yaml", "--ignore-not-found"); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&shown, "### %d. %s\n\n```console\n$ cat web.yaml\n%s$ kubectl apply -f web.yaml\n%s```\n\n", i+1, m.title, m.manifest, out)
	}
	matchDocument(t, filepath.Join("..", "..", "docs", "admission.md"), "mistakes", shown.String())
}

// issuers are those that the manifests name: a CA that is ready with a
// Certificate intranet, and an ACME issuer with HTTP-01 alone.
func issuers(t *testing.T, ns string) {
	t.Helper()
	dir := t.TempDir()
	manifest := fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self-signed, namespace: %[1]s}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: ca, namespace: %[1]s}
spec: {isCA: true, commonName: ca, secretName: ca-key-pair, issuerRef: {name: self-signed}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: %[1]s}
spec: {ca: {secretName: ca-key-pair}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: intranet, namespace: %[1]s}
spec: {dnsNames: [intranet.example.com], secretName: intranet-tls, issuerRef: {name: ca}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: acme, namespace: %[1]s}
spec:
  acme:
    server: %[2]s
    skipTLSVerify: true
    privateKeySecretRef: {name: account}
    solvers: [{http01: {ingress: {}}}]
`, ns, world.ACME.DirectoryURL())
	if err := os.WriteFile(filepath.Join(dir, "issuers.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := world.Cluster.Kubectl(t.Context(), dir, "apply", "-f", "issuers.yaml"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ready(t, ns, "intranet")
	if out, err := world.Cluster.Kubectl(t.Context(), dir, "wait", "-n", ns, "--for=condition=Ready", "--timeout=60s", "issuer/acme", "issuer/ca"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// matchDocument holds text against the part of a document between two comments
// that name it.
func matchDocument(t *testing.T, path, part, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+part+" -->\n", "<!-- end "+part+" -->\n"
	before, rest, ok := strings.Cut(string(data), begin)
	old, after, okay := strings.Cut(rest, end)
	if !ok || !okay {
		t.Fatalf("%s has no part %q", path, part)
	}
	if old == text {
		return
	}
	if !*update {
		t.Fatalf("%s is not what is seen; run this test with -update. Seen:\n%s", path, text)
	}
	if err := os.WriteFile(path, []byte(before+begin+text+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}
