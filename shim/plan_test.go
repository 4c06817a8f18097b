package shim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/shim"
)

// TestTakeOver plays how an existing Certificate came to be and then makes one
// pass.
func TestTakeOver(t *testing.T) {
	a := []string{"a.ex"}
	one := tls("t", "a.ex")
	upstream := shim.IngressManager // cert-manager's name for itself; it writes by Update
	keystores := spec(func(s *certsv1.CertificateSpec) {
		s.Keystores = &certsv1.CertificateKeystores{JKS: &certsv1.JKSKeystore{Create: true, Password: ptr("changeit")}}
		s.AdditionalOutputFormats = []certsv1.CertificateAdditionalOutputFormat{{Type: "DER"}}
	})
	serverAuth := spec(func(s *certsv1.CertificateSpec) { s.Usages = []certsv1.KeyUsage{"server auth"} })
	names := func(names ...string) func(*certsv1.Certificate) {
		return spec(func(s *certsv1.CertificateSpec) { s.DNSNames = names })
	}

	type edit struct {
		by   string
		what func(*certsv1.Certificate)
	}
	tests := map[string]struct {
		annotations notes
		before      *certsv1.Certificate // written by upstream
		edits       []edit
		want        *certsv1.Certificate // nil: as it was
	}{
		"what upstream made stays as it is": {
			before: certificate("t", a),
		},
		"what old upstream made without usages stays as it is": {
			before: certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.Usages = nil })),
		},
		"an absent kind and group mean the defaults": {
			annotations: notes{issuer: "le"},
			before:      certificate("t", a, issuedBy("le", "", "")),
		},
		"an absent group means ours": {
			before: certificate("t", a, issuedBy("le", "ClusterIssuer", "")),
		},
		"defaults that admission wrote down are no difference": {
			before: certificate("t", a),
			edits: []edit{{"webhook", spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "RSA", Encoding: "PKCS1", RotationPolicy: "Always", Size: 2048}
				s.RevisionHistoryLimit = ptr(int32(1))
				s.Duration = &metav1.Duration{Duration: 90 * 24 * time.Hour}
			})}},
		},
		"defaults beside an annotation's part of the key are none either": {
			annotations: notes{"cert-manager.io/private-key-algorithm": "ECDSA"},
			before:      certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "ECDSA"} })),
			edits: []edit{{"webhook", spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Encoding: "PKCS1", RotationPolicy: "Always", Size: 256}
			})}},
		},
		"repeated names, which upstream keeps, are no difference": {
			annotations: notes{"cert-manager.io/alt-names": "a.ex,b.ex"},
			before:      certificate("t", []string{"a.ex", "a.ex", "b.ex"}),
		},
		"the order of ip-sans and the spelling of an address are no difference": {
			annotations: notes{"cert-manager.io/ip-sans": "::1,10.0.0.1"},
			before:      certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.IPAddresses = []string{"10.0.0.1", "0::1"} })),
		},
		"the size of an Ed25519 key means nothing": {
			annotations: notes{"cert-manager.io/private-key-algorithm": "Ed25519", "cert-manager.io/private-key-size": "7"},
			before:      certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.PrivateKey = &certsv1.CertificatePrivateKey{Algorithm: "Ed25519"} })),
		},
		"usages that a user wrote, and no annotation asks for, are the user's": {
			before: certificate("t", a),
			edits:  []edit{{"kubectl", serverAuth}},
		},
		"and survive another change": {
			before: certificate("t", []string{"old.ex"}),
			edits:  []edit{{"kubectl", serverAuth}},
			want:   certificate("t", a, serverAuth),
		},
		"usages that an annotation asked for once go with it": {
			before: certificate("t", a, serverAuth),
			want:   certificate("t", a),
		},
		"usages that an annotation asks for replace the user's": {
			annotations: notes{"cert-manager.io/usages": "client auth"},
			before:      certificate("t", a),
			edits:       []edit{{"kubectl", serverAuth}},
			want:        certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.Usages = []certsv1.KeyUsage{"client auth"} })),
		},
		"what upstream did not follow is followed where an annotation says it": {
			annotations: notes{"cert-manager.io/email-sans": "new@a.ex"},
			before:      certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.EmailAddresses = []string{"old@a.ex"} })),
			want:        certificate("t", a, spec(func(s *certsv1.CertificateSpec) { s.EmailAddresses = []string{"new@a.ex"} })),
		},
		"an annotation that went takes along what upstream wrote for it": {
			before: certificate("t", a, noted(notes{"acme.cert-manager.io/http01-override-ingress-class": "old"}), spec(func(s *certsv1.CertificateSpec) {
				s.Subject = &certsv1.X509Subject{Organizations: []string{"Example"}}
				s.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}}
			})),
			want: certificate("t", a),
		},
		"what a user added beside it stays": {
			before: certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.Subject = &certsv1.X509Subject{Organizations: []string{"Example"}}
				s.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"a": "b"}}
			})),
			edits: []edit{{"kubectl", spec(func(s *certsv1.CertificateSpec) {
				s.Subject.Countries = []string{"DE"}
				s.SecretTemplate.Labels["mine"] = "x"
			})}, {"kubectl", noted(notes{"mine": "x"})}},
			want: certificate("t", a, noted(notes{"mine": "x"}), spec(func(s *certsv1.CertificateSpec) {
				s.Subject = &certsv1.X509Subject{Countries: []string{"DE"}}
				s.SecretTemplate = &certsv1.CertificateSecretTemplate{Labels: map[string]string{"mine": "x"}}
			})),
		},
		"keystores and output formats survive a change": {
			before: certificate("t", []string{"old.ex"}),
			edits:  []edit{{"kubectl", keystores}},
			want:   certificate("t", a, keystores),
		},
		"a common name that a user wrote goes": {
			before: certificate("t", a),
			edits:  []edit{{"kubectl", spec(func(s *certsv1.CertificateSpec) { s.CommonName = "mine.ex" })}},
			want:   certificate("t", a),
		},
		"names that a user wrote go": {
			before: certificate("t", a),
			edits:  []edit{{"kubectl", names("mine.ex")}},
			want:   certificate("t", a),
		},
		"another Secret name that a user wrote goes, and the Certificate does not": {
			before: certificate("t", a),
			edits:  []edit{{"kubectl", spec(func(s *certsv1.CertificateSpec) { s.SecretName = "mine" })}},
			want:   certificate("t", a),
		},
		"a label and a key size that a user wrote go": {
			before: certificate("t", a),
			edits: []edit{{"kubectl", withLabels(map[string]string{"mine": "x"})}, {"kubectl", spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Size: 4096}
			})}},
			want: certificate("t", a),
		},
		"an annotation's value is written down even where it is the default": {
			annotations: notes{"cert-manager.io/private-key-encoding": "PKCS1", "cert-manager.io/revision-history-limit": "1"},
			before:      certificate("t", a),
			want: certificate("t", a, spec(func(s *certsv1.CertificateSpec) {
				s.PrivateKey = &certsv1.CertificatePrivateKey{Encoding: "PKCS1"}
				s.RevisionHistoryLimit = ptr(int32(1))
			})),
		},
		"another group alone is a change": {
			annotations: notes{issuer: "le", "cert-manager.io/issuer-kind": "Issuer", "cert-manager.io/issuer-group": "example.com"},
			before:      certificate("t", a, issuedBy("le", "Issuer", "cert-manager.io")),
			want:        certificate("t", a, issuedBy("le", "Issuer", "example.com")),
		},
		"the ApplySet that a Certificate is part of stays": {
			before: certificate("t", a),
			edits:  []edit{{"kubectl", withLabels(map[string]string{"applyset.kubernetes.io/part-of": "y"})}},
		},
		"the ApplySet that old upstream copied goes": {
			before: certificate("t", a, withLabels(map[string]string{"applyset.kubernetes.io/part-of": "y"})),
			want:   certificate("t", a),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.annotations == nil {
				tt.annotations = notes{}
			}
			if _, ok := tt.annotations[issuer]; !ok {
				tt.annotations[clusterIssuer] = "le"
			}
			m := newMemory(t)
			m.write(tt.before, upstream)
			for _, e := range tt.edits {
				m.edit("t", e.by, e.what)
			}
			before := without(m.get("t"))
			src := shim.FromIngress(app(tt.annotations, one))

			_, changes := m.plan(src, shim.DefaultOptions())
			m.take(changes)

			want := tt.want
			if want == nil {
				want = before
				if !changes.Empty() {
					t.Errorf("wrote %v", changes.Update[0].Fields)
				}
			}
			if diff := cmp.Diff(want, without(m.get("t")), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("after the pass (-want +got):\n%s", diff)
			}
			if _, again := m.plan(src, shim.DefaultOptions()); !again.Empty() {
				t.Errorf("the next pass writes again: %v", again.Update)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	a := []string{"a.ex"}
	le1 := notes{clusterIssuer: "le"}
	deleting := func(crt *certsv1.Certificate) { crt.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	tests := map[string]struct {
		ingress  *networkingv1.Ingress
		opts     shim.Options
		existing []*certsv1.Certificate
		want     outcome
	}{
		"the Secret of a skipped block is mentioned, so its Certificate stays": {
			ingress:  app(le1, tls("t")),
			existing: crts(certificate("t", a)),
			want:     outcome{Told: []string{"BadConfig: Skipped a TLS block: spec.tls[0].hosts: Required value"}},
		},
		"bad annotations stop deletions too": {
			ingress:  app(notes{clusterIssuer: "le", "cert-manager.io/usages": ""}, tls("t", "a.ex")),
			existing: crts(certificate("u", a)),
			want: outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[cert-manager.io/usages]: ` +
				`Invalid value: "": must not be empty`}},
		},
		"no TLS blocks any more delete what is ours only": {
			ingress: app(le1),
			existing: crts(certificate("t", a), certificate("u", a, unowned), certificate("v", a, ownedBy("app", "uid-before")),
				certificate("w", a, deleting)),
			want: outcome{Deletes: []string{"t"}},
		},
		"a Certificate is not deleted while its Secret is mentioned under another name": {
			ingress: app(le1, tls("t", "a.ex")),
			existing: crts(certificate("t", a), certificate("other", a, spec(func(s *certsv1.CertificateSpec) {
				s.SecretName = "t"
			}))),
			want: outcome{},
		},
		"a Certificate that is being deleted is neither updated nor made anew": {
			ingress: app(le1, tls("t", "b.ex")), existing: crts(certificate("t", a, deleting)), want: outcome{},
		},
		"a default issuer that was found is for new Certificates only": {
			ingress: app(notes{shim.TLSKey: "true"}, tls("t", "a.ex"), tls("u", "b.ex"), tls("v", "c.ex")),
			opts: shim.Options{DefaultIssuer: func(ns string) (*cmmeta.IssuerReference, error) {
				return &cmmeta.IssuerReference{Name: ns + "-default"}, nil
			}},
			existing: crts(certificate("u", []string{"old.ex"}), certificate("v", []string{"c.ex"})),
			want: outcome{
				Creates: crts(certificate("t", a, issuedBy("ns-default", "Issuer", "cert-manager.io"))),
				Updates: crts(certificate("u", []string{"b.ex"})),
			},
		},
		"a default issuer that cannot be found is told": {
			ingress: app(notes{shim.TLSKey: "true"}, tls("t", "a.ex")),
			opts: shim.Options{DefaultIssuer: func(string) (*cmmeta.IssuerReference, error) {
				return nil, errors.New("Issuers one and two are both marked")
			}},
			want: outcome{Told: []string{"BadConfig: Could not determine issuer for ingress due to bad annotations: default issuer: Issuers one and two are both marked"}},
		},
		"one that is found comes before that of the flag": {
			ingress: app(notes{tlsACME: "1"}, tls("t", "a.ex")),
			opts: shim.Options{
				DefaultIssuerName: "flag", AutoAnnotations: []string{tlsACME},
				DefaultIssuer: func(string) (*cmmeta.IssuerReference, error) { return &cmmeta.IssuerReference{Name: "found"}, nil },
			},
			want: outcome{Creates: crts(certificate("t", a, issuedBy("found", "Issuer", "cert-manager.io")))},
		},
		"where none is found, the flag counts": {
			ingress: app(notes{tlsACME: "1"}, tls("t", "a.ex")),
			opts: shim.Options{
				DefaultIssuerName: "le", DefaultIssuerKind: "ClusterIssuer", AutoAnnotations: []string{tlsACME},
				DefaultIssuer: func(string) (*cmmeta.IssuerReference, error) { return nil, nil },
			},
			want: outcome{Creates: crts(certificate("t", a))},
		},
		"an Ingress that names half an issuer does not get one that is found": {
			ingress: app(notes{tlsACME: "1", "cert-manager.io/issuer-kind": "Foo"}, tls("t", "a.ex")),
			opts: shim.Options{
				DefaultIssuerName: "flag", AutoAnnotations: []string{tlsACME}, DefaultIssuerGroup: "foo.ex",
				DefaultIssuer: func(string) (*cmmeta.IssuerReference, error) { return nil, errors.New("must not be asked") },
			},
			want: outcome{Creates: crts(certificate("t", a, issuedBy("flag", "Foo", "foo.ex")))},
		},
		"names of its own replace the hosts, IP addresses too": {
			ingress: app(notes{clusterIssuer: "le", shim.DNSNamesKey: "*.example.org, example.org"}, tls("t", "a.ex", "10.0.0.1"), tls("u")),
			want:    outcome{Creates: crts(certificate("t", []string{"*.example.org", "example.org"}), certificate("u", []string{"*.example.org", "example.org"}))},
		},
		"further names come after them": {
			ingress: app(notes{clusterIssuer: "le", shim.DNSNamesKey: "*.example.org", "cert-manager.io/alt-names": "b.ex", "cert-manager.io/ip-sans": "10.0.0.2"}, tls("t", "a.ex")),
			want: outcome{Creates: crts(certificate("t", []string{"*.example.org", "b.ex"}, spec(func(s *certsv1.CertificateSpec) {
				s.IPAddresses = []string{"10.0.0.2"}
			})))},
		},
		"no names of its own are a mistake": {
			ingress: app(notes{clusterIssuer: "le", shim.DNSNamesKey: " "}, tls("t", "a.ex")),
			want:    outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[certwright.dev/dns-names]: Invalid value: " ": must not be empty`}},
		},
		"a name of its own that is none is told where it stands, though a host is the same": {
			ingress: app(notes{clusterIssuer: "le", shim.DNSNamesKey: "b ex"}, tls("t", "b ex")),
			want: outcome{Told: []string{`BadConfig: Could not make Certificates due to bad annotations: metadata.annotations[certwright.dev/dns-names]: ` +
				`Invalid value: "b ex": is not a DNS name; use letters, digits, '-', '_', '.' and '*' only, without port and path`}},
		},
		"a block without hosts takes those of the rules, if asked to": {
			ingress: ruled(app(notes{clusterIssuer: "le", shim.RuleHostsKey: "true"}, tls("t"), tls("u", "c.ex")), "a.ex", "", "*.b.ex", "a.ex"),
			want:    outcome{Creates: crts(certificate("t", []string{"a.ex", "*.b.ex"}), certificate("u", []string{"c.ex"}))},
		},
		"and is skipped if the rules have none": {
			ingress: ruled(app(notes{clusterIssuer: "le", shim.RuleHostsKey: "true"}, tls("t")), ""),
			want:    outcome{Told: []string{"BadConfig: Skipped a TLS block: spec.tls[0].hosts: Required value"}},
		},
		"not asked to, it is skipped": {
			ingress: ruled(app(notes{clusterIssuer: "le", shim.RuleHostsKey: "false"}, tls("t")), "a.ex"),
			want:    outcome{Told: []string{"BadConfig: Skipped a TLS block: spec.tls[0].hosts: Required value"}},
		},
		"Ingresses of another class than those of the flag are left alone": {
			ingress: classed(app(le1, tls("t", "a.ex")), "nginx"), opts: shim.Options{IngressClasses: []string{"traefik", "haproxy"}}, want: outcome{},
		},
		"those of its classes are not": {
			ingress: classed(app(le1, tls("t", "a.ex")), "nginx"), opts: shim.Options{IngressClasses: []string{"traefik", "nginx"}},
			want: outcome{Creates: crts(certificate("t", a))},
		},
		"the annotation wins over the field": {
			ingress: classed(app(notes{clusterIssuer: "le", "kubernetes.io/ingress.class": "traefik"}, tls("t", "a.ex")), "nginx"),
			opts:    shim.Options{IngressClasses: []string{"nginx"}}, want: outcome{},
		},
		"an Ingress without a class is of none of them": {
			ingress: app(le1, tls("t", "a.ex")), opts: shim.Options{IngressClasses: []string{"nginx"}}, want: outcome{},
		},
		"labels with an excluded prefix are not copied": {
			ingress: labelled(app(le1, tls("t", "a.ex")), map[string]string{"app": "x", "argocd.argoproj.io/instance": "y"}),
			opts:    shim.Options{ExcludedLabelPrefixes: []string{"argocd.argoproj.io/"}},
			want:    outcome{Creates: crts(certificate("t", a, withLabels(map[string]string{"app": "x"})))},
		},
		"a cluster issuer is ours whatever the default group is": {
			ingress: app(le1, tls("t", "a.ex")),
			opts:    shim.Options{DefaultIssuerGroup: "example.com"},
			want:    outcome{Creates: crts(certificate("t", a))},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := pass(t, tt.ingress, tt.opts, tt.existing)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one pass (-want +got):\n%s", diff)
			}
		})
	}
}
