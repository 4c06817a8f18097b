package lint

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// FuzzFiles: whatever is in a file, something is said of it, on lines that are
// in the file, and in bounded text.
func FuzzFiles(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "a: 1\n---\nb: 2\n", "{\"a\": 1}{\"b\": 2}", "a: &a [*a]\n", "<<: &a {b: *a}\n", "{{ .x }}", "--- x\n", "- 1\n- {a: [}\n",
		certificate("web", "duration: 90d", `isCA: "true"`, "uris: [null]", "privateKey: [RSA]"),
		certificate("web", "keystores: {jks: {create: true, password: p}}", "secretTemplate: {labels: {a: yes}}", "renewal: {windows: [{cron: x}]}"),
		issuer("Issuer\nmetadata: {name: i}", "{acme: {server: https://a, solvers: [{dns01: {webhook: {config: {any: [thing]}}}}]}}"),
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: cert-manager.io/v1, kind: Certificate, spec: {dnsNames: a}}\n- kind: List\n  items: [1, {}]\n",
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: w, annotations: {cert-manager.io/issuer: i, kubernetes.io/tls-acme: true}}\nspec: {tls: [{secretName: t, hosts: [a, 1.2.3.4]}]}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: web}\ntype: x\n",
		"apiVersion: acme.cert-manager.io/v1\nkind: Challenge\nmetadata: {name: c}\nspec: {type: x, solver: {http01: {ingress: {podTemplate: {spec: {nodeSelector: {a: 1}}}}}}}\n",
	} {
		f.Add([]byte(seed))
	}
	known := schemas{} // reading them takes longer than all the rest
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip("long files take long")
		}
		report := newRun(Options{}, known).files([]File{{Name: "f", Data: data}})
		last := 1 + bytes.Count(data, []byte("\n"))
		for _, finding := range report.Findings {
			if finding.Line < 1 || finding.Line > last {
				t.Errorf("line %d of %d: %s", finding.Line, last, finding.Message)
			}
			if finding.Message == "" || len(finding.Message) > maxMessage+len("…") {
				t.Errorf("a message of %d bytes", len(finding.Message))
			}
		}
		var text strings.Builder
		if err := report.WriteText(&text); err != nil {
			t.Error(err)
		}
		if n := strings.Count(text.String(), "\n"); n != len(report.Findings)+len(report.Certificates)+1 {
			t.Errorf("%d lines for %d findings and %d Certificates", n, len(report.Findings), len(report.Certificates))
		}
		if err := report.WriteJSON(&text); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkThousand lints a thousand manifests, a third each of Certificates,
// Ingresses and something else. It should take about a second.
func BenchmarkThousand(b *testing.B) {
	var files []File
	for i := range 1000 {
		text := certificate(fmt.Sprintf("web-%d", i), "duration: 2160h", "privateKey: {algorithm: ECDSA}")
		switch i % 3 {
		case 1:
			text = fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i%d, annotations: {cert-manager.io/issuer: ca}}\nspec: {tls: [{secretName: t%[1]d, hosts: [a%[1]d.example]}]}\n", i)
		case 2:
			text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n"
			for line := range 50 {
				text += fmt.Sprintf("  key%d: some text that has to be stepped over\n", line)
			}
		}
		files = append(files, File{Name: fmt.Sprintf("%d.yaml", i), Data: []byte(text)})
	}
	b.ResetTimer()
	for range b.N {
		if report := Files(files, Options{}); len(report.Findings) > 0 {
			b.Fatal(report.Findings[0])
		}
	}
}
