//go:build cluster

package signingrequest_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance"
)

func TestACAsCertificateVerifiesWithItsChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	root := newCA(t, "root", nil)
	middle := newCA(t, "middle", &root)
	w.create(
		middle.secret(t, w.namespace, "ca", root.certificate), middle.secret(t, w.resources, "ca", root.certificate),
		w.issuer("ca", caOf("ca")), w.issuer("ca.v2.example", caOf("ca")),
		w.clusterIssuer("ca", caOf("ca")), w.clusterIssuer("ca.v2.example", caOf("ca")),
	)
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.certificate)
	for name, signer := range map[string]string{
		"issuer": w.ofIssuer("ca"), "dotted-issuer": w.ofIssuer("ca.v2.example"),
		"cluster-issuer": w.ofCluster("ca"), "dotted-cluster-issuer": w.ofCluster("ca.v2.example"),
	} {
		p := newRequest(t, plain(name))
		csr := w.ask(name, signer, p)
		w.approve(csr)
		chain := w.signed(csr)
		if len(chain) != 2 || !chain[1].Equal(middle.certificate) {
			t.Fatalf("%s: a chain of %d certificates, want the leaf and the intermediate, without the root", name, len(chain))
		}
		leaf := chain[0]
		intermediates.AddCert(chain[1])
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name + ".example", Roots: roots, Intermediates: intermediates}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !certs.SamePublicKey(leaf.PublicKey, p.key.Public()) || leaf.Subject.CommonName != name || leaf.IsCA {
			t.Errorf("%s: %+v", name, leaf.Subject)
		}
		if leaf.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
			t.Errorf("%s: usages %v %v", name, leaf.KeyUsage, leaf.ExtKeyUsage)
		}
		if got := leaf.NotAfter.Sub(leaf.NotBefore); got != certs.DefaultDuration {
			t.Errorf("%s: lives for %s", name, got)
		}
		w.told(csr, "Normal CertificateIssued")
	}
	if n := w.wire.written(); n != 4 {
		t.Errorf("%d writes for 4 certificates", n)
	}
}

func TestASelfSignedCertificateIsMadeWithTheKeyFromTheIssuersNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	w.create(w.issuer("self", selfSigned), w.clusterIssuer("self", selfSigned))
	for name, at := range map[string]struct{ signer, namespace string }{
		"issuer": {w.ofIssuer("self"), w.namespace}, "cluster-issuer": {w.ofCluster("self"), w.resources},
	} {
		p := newRequest(t, plain(name))
		csr := w.ask(name, at.signer, p, annotate(certsv1.SigningRequestPrivateKeySecretKey, "key-of-"+name))
		w.approve(csr)
		w.told(csr, "Warning SecretNotFound")
		w.create(p.secret(t, at.namespace, "key-of-"+name)) // which is all that it waits for
		chain := w.signed(csr)
		if len(chain) != 1 || chain[0].CheckSignatureFrom(chain[0]) == nil {
			t.Fatalf("%s: %d certificates, the first a CA", name, len(chain))
		}
		leaf := chain[0]
		if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatASelfSigningIssuerCannotSign(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	p, other := newRequest(t, plain("self")), newRequest(t, plain("other"))
	broken := other.secret(t, "", "broken")
	broken.Data["tls.key"] = []byte("no key")
	w.create(w.issuer("self", selfSigned), other.secret(t, "", "other"), p.secret(t, "", "own"), broken)
	key := certsv1.SigningRequestPrivateKeySecretKey
	for name, tt := range map[string]struct {
		p       pair
		changes []func(*certificatesv1.CertificateSigningRequest)
		reason  string
	}{
		"no-annotation":     {p, nil, "MissingAnnotation"},
		"another-key":       {p, []func(*certificatesv1.CertificateSigningRequest){annotate(key, "other")}, "ErrorKeyMatch"},
		"other-usages":      {newRequest(t, &certsv1.CertificateSpec{CommonName: "x", Usages: []certsv1.KeyUsage{"client auth"}}), []func(*certificatesv1.CertificateSigningRequest){annotate(key, "own")}, "ErrorGenerating"},
		"a-name-of-no-kind": {p, []func(*certificatesv1.CertificateSigningRequest){annotate(key, "../own")}, "MissingAnnotation"},
	} {
		csr := w.ask(name, w.ofIssuer("self"), tt.p, tt.changes...)
		w.approve(csr)
		w.failed(csr, tt.reason)
	}
	csr := w.ask("broken-key", w.ofIssuer("self"), p, annotate(key, "broken"))
	w.approve(csr)
	w.told(csr, "Warning ErrorParsingKey")
	broken.Data["tls.key"] = p.secret(t, "", "").Data["tls.key"]
	must(t, w.client.Update(t.Context(), broken))
	w.signed(csr)
}

func TestNothingIsSignedBeforeItIsApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t).withBarrier().start()
	name := w.ask("web", w.ofCluster("barrier"), newRequest(t, plain("web")))
	w.told(name, "Normal WaitingApproval")
	for range 3 { // looks at it again
		w.until("annotate", func() error {
			csr := w.get(name)
			annotate("poke", csr.Annotations["poke"]+".")(csr)
			return w.client.Update(t.Context(), csr)
		})
		w.passed()
	}
	if n := w.events(name)["Normal WaitingApproval"]; n != 1 {
		t.Errorf("told %d times", n)
	}
	if csr := w.get(name); len(csr.Status.Certificate)+len(csr.Status.Conditions) > 0 {
		t.Errorf("status %+v", csr.Status)
	}
	w.approve(name)
	w.signed(name)
}

func TestADeniedRequestAndAnotherSignersAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t).withBarrier().start()
	denied := w.ask("denied", w.ofCluster("barrier"), newRequest(t, plain("denied")))
	w.judge(denied, certificatesv1.CertificateDenied)
	names := []string{denied}
	for i, signer := range []string{"example.com/ca", "issuers.example.com/" + w.namespace + ".ca", "certificates.cert-manager.io/" + w.namespace + ".ca"} {
		name := w.ask(fmt.Sprintf("foreign-%d", i), signer, newRequest(t, plain("foreign")))
		w.approve(name)
		names = append(names, name)
	}
	before := map[string]string{}
	for _, name := range names {
		before[name] = w.get(name).ResourceVersion
	}
	w.passed()
	for _, name := range names {
		events := w.events(name)
		if name == denied {
			delete(events, "Normal WaitingApproval") // which it was, for a moment
		}
		if csr := w.get(name); csr.ResourceVersion != before[name] || len(events) > 0 {
			t.Errorf("%s: %+v, events %v", name, csr.Status, events)
		}
	}
	if n := w.wire.written(); n != 1 {
		t.Errorf("%d writes, want the barrier's", n)
	}
}

func TestTheCreatorOfARequestMustBeAllowedToReferenceAnIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	root := newCA(t, "root", nil)
	w.create(root.secret(t, w.namespace, "ca"), root.secret(t, w.resources, "ca"), w.issuer("ca", caOf("ca")), w.clusterIssuer("ca", caOf("ca")))
	creators := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.name("creators")}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"certificates.k8s.io"}, Resources: []string{"certificatesigningrequests"}, Verbs: []string{"create"}},
	}}
	all := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: w.name("creators")}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: creators.Name}}
	tests := map[string]struct {
		grant string // resourceName of the verb reference
		other bool   // in another namespace
		ok    bool
	}{
		"nothing": {"", false, false}, "by-name": {"ca", false, true}, "all": {"*", false, true},
		"another-name": {"cb", false, false}, "elsewhere": {"ca", true, false},
	}
	for user, tt := range tests {
		all.Subjects = append(all.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.name(user)})
		if tt.grant == "" {
			continue
		}
		namespace := w.namespace
		if tt.other {
			namespace = w.resources
		}
		w.create(
			&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user}, Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{"cert-manager.io"}, Resources: []string{"signers"}, ResourceNames: []string{tt.grant}, Verbs: []string{"reference"}},
			}},
			&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
				Subjects: all.Subjects[len(all.Subjects)-1:],
			})
		w.may(w.name(user), authorizationv1.ResourceAttributes{Group: "cert-manager.io", Resource: "signers", Verb: "reference", Namespace: namespace, Name: tt.grant})
	}
	for _, o := range []client.Object{creators, all} {
		must(t, w.client.Create(t.Context(), o))
		t.Cleanup(func() { _ = w.client.Delete(context.Background(), o) })
	}
	for user, tt := range tests {
		w.may(w.name(user), authorizationv1.ResourceAttributes{Group: "certificates.k8s.io", Resource: "certificatesigningrequests", Verb: "create"})
		as := rest.CopyConfig(w.config)
		as.Impersonate = rest.ImpersonationConfig{UserName: w.name(user)}
		poor, err := client.New(as, client.Options{Scheme: w.scheme})
		must(t, err)
		name := w.askAs(poor, user, w.ofIssuer("ca"), newRequest(t, plain(user)))
		w.approve(name)
		if tt.ok {
			w.signed(name)
		} else {
			w.failed(name, "DeniedReference")
		}
		name = w.askAs(poor, user+"-cluster", w.ofCluster("ca"), newRequest(t, plain(user)))
		w.approve(name)
		w.signed(name) // ClusterIssuers are for everybody
	}
}

// may waits until the API server lets user do something.
func (w *world) may(user string, what authorizationv1.ResourceAttributes) {
	w.t.Helper()
	w.until(user+" may "+what.Verb, func() error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
		if err := w.client.Create(w.t.Context(), review); err != nil || !review.Status.Allowed {
			return fmt.Errorf("%+v: %w", review.Status, err)
		}
		return nil
	})
}

func TestLifetimesAndCAs(t *testing.T) {
	t.Parallel()
	w := newWorld(t).withBarrier().start()
	root := w.ofCluster("barrier")
	for name, tt := range map[string]struct {
		change func(*certificatesv1.CertificateSigningRequest)
		want   time.Duration
		reason string
	}{
		"field":      {func(c *certificatesv1.CertificateSigningRequest) { c.Spec.ExpirationSeconds = ptr.To(int32(3600)) }, time.Hour, ""},
		"annotation": {annotate(certsv1.SigningRequestDurationKey, "48h"), 48 * time.Hour, ""},
		"both": {func(c *certificatesv1.CertificateSigningRequest) {
			c.Spec.ExpirationSeconds = ptr.To(int32(3600))
			annotate(certsv1.SigningRequestDurationKey, "10m")(c)
		}, 10 * time.Minute, ""},
		"short":    {annotate(certsv1.SigningRequestDurationKey, "9m59s"), 0, "InvalidDuration"},
		"no-words": {annotate(certsv1.SigningRequestDurationKey, "a while"), 0, "ErrorParseDuration"},
		"eternal":  {annotate(certsv1.SigningRequestDurationKey, "2562047h"), 2562047 * time.Hour, ""},
	} {
		csr := w.ask(name, root, newRequest(t, plain(name)), tt.change)
		w.approve(csr)
		if tt.reason != "" {
			w.failed(csr, tt.reason)
			continue
		}
		leaf := w.signed(csr)[0]
		if got := leaf.NotAfter.Sub(leaf.NotBefore); got != tt.want {
			t.Errorf("%s: lives for %s, want %s", name, got, tt.want)
		}
	}

	ca := func(c *certificatesv1.CertificateSigningRequest) {
		c.Spec.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageCertSign, certificatesv1.UsageCRLSign}
		annotate(certsv1.SigningRequestIsCAKey, "true")(c)
	}
	csr := w.ask("ca", root, newRequest(t, plain("ca")), ca)
	w.approve(csr)
	if leaf := w.signed(csr)[0]; !leaf.IsCA || !leaf.BasicConstraintsValid || leaf.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(leaf.ExtKeyUsage) > 0 {
		t.Errorf("CA %t, usages %v %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	csr = w.ask("no-ca", root, newRequest(t, plain("no-ca")), annotate(certsv1.SigningRequestIsCAKey, "yes"))
	w.approve(csr)
	if leaf := w.signed(csr)[0]; leaf.IsCA {
		t.Error("only true makes a CA")
	}
	csr = w.ask("other-usages", root, newRequest(t, &certsv1.CertificateSpec{CommonName: "x", Usages: []certsv1.KeyUsage{"client auth"}}))
	w.approve(csr)
	w.failed(csr, "SigningError")
}

func TestARequestWaitsForItsIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	root := newCA(t, "root", nil)
	names := map[string]string{}
	for scope, signer := range map[string]string{"issuer": w.ofIssuer("later"), "cluster": w.ofCluster("later")} {
		names[scope] = w.ask(scope, signer, newRequest(t, plain(scope)))
		w.approve(names[scope])
		w.told(names[scope], "Warning IssuerNotFound")
	}
	w.create(w.issuer("later", caOf("later")), w.clusterIssuer("later", caOf("later")))
	for _, name := range names {
		w.told(name, "Warning IssuerNotReady")
		if csr := w.get(name); len(csr.Status.Conditions) != 1 || len(csr.Status.Certificate) > 0 {
			t.Errorf("%s: status %+v", name, csr.Status)
		}
	}
	w.create(root.secret(t, w.namespace, "later"), root.secret(t, w.resources, "later"))
	for _, name := range names {
		w.signed(name)
	}
	if n := w.wire.written(); n != 2 {
		t.Errorf("%d writes for 2 certificates", n)
	}
}

func TestARequestWaitsForTheCAThatFollowsAnExpiredOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	secret := newCAAt(t, "root", nil, time.Now().AddDate(-11, 0, 0)).secret(t, w.namespace, "ca")
	w.create(secret, w.issuer("ca", caOf("ca")))
	name := w.ask("web", w.ofIssuer("ca"), newRequest(t, plain("web")))
	w.approve(name)
	w.told(name, "Warning IssuerNotReady")
	if csr := w.get(name); len(csr.Status.Conditions) != 1 || len(csr.Status.Certificate) > 0 {
		t.Errorf("status %+v", csr.Status)
	}
	next := newCA(t, "root", nil)
	secret.Data = next.secret(t, "", "").Data
	must(t, w.client.Update(t.Context(), secret))
	if err := w.signed(name)[0].CheckSignatureFrom(next.certificate); err != nil {
		t.Error(err)
	}
}

func TestIssuersThatDoNotServeSigningRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.kinds = func(kinds []issuance.Kind) []issuance.Kind {
			return append(kinds, issuance.Kind{
				Name: "vault", Configured: func(s *certsv1.IssuerSpec) bool { return s.Vault != nil },
				Secrets: func(*certsv1.IssuerSpec) []string { return nil }, Issuer: nil, Checker: ready{},
			})
		}
		w.serves = func(k issuance.Kind) bool { return k.Name != "selfSigned" }
	}).withBarrier().start()
	w.create(w.issuer("vault", certsv1.IssuerSpec{Vault: &certsv1.VaultIssuer{Server: "https://vault.example", Path: "pki"}}), w.issuer("self", selfSigned))
	unsupported := w.ask("vault", w.ofIssuer("vault"), newRequest(t, plain("x")))
	off := w.ask("off", w.ofIssuer("self"), newRequest(t, plain("x")))
	nameless := w.ask("nameless", "issuers.cert-manager.io/ca", newRequest(t, plain("x")))
	for _, name := range []string{unsupported, off, nameless} {
		w.approve(name)
	}
	w.told(unsupported, "Warning IssuerTypeUnsupported")
	w.told(nameless, "Warning IssuerNotFound")
	w.passed()
	if events := w.events(off); events["Warning MissingAnnotation"] > 0 {
		t.Errorf("a kind that is switched off was served: %v", events)
	}
	for _, name := range []string{unsupported, off, nameless} {
		if csr := w.get(name); len(csr.Status.Conditions) != 1 || len(csr.Status.Certificate) > 0 {
			t.Errorf("%s: status %+v", name, csr.Status)
		}
	}
}

// ready is a Checker that finds every issuer ready.
type ready struct{}

func (ready) Check(context.Context, certsv1.GenericIssuer, string) (issuance.Readiness, error) {
	return issuance.Readiness{Status: cmmeta.ConditionTrue, Reason: "IsReady"}, nil
}

// counted counts the signatures of an issuer.
type counted struct {
	issuance.Issuer
	n *atomic.Int32
}

func (c counted) Sign(ctx context.Context, req issuance.Request) (issuance.Outcome, error) {
	c.n.Add(1)
	return c.Issuer.Sign(ctx, req)
}

func TestACertificateThatIsThereIsNeverSignedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lose       loss
		signatures int32
	}{
		"nothing is lost":                     {delivered, 1},
		"the answer to the write is lost":     {lostAnswer, 1},
		"the write is lost with its contents": {lostRequest, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signatures := &atomic.Int32{}
			w := newWorld(t, func(w *world) {
				w.kinds = func(kinds []issuance.Kind) []issuance.Kind {
					kinds[0].Issuer = counted{kinds[0].Issuer, signatures}
					return kinds
				}
			}).withBarrier().start()
			w.wire.lose = func(n int) loss {
				if n == 1 {
					return tt.lose
				}
				return delivered
			}
			csr := w.ask("web", w.ofCluster("barrier"), newRequest(t, plain("web")))
			w.approve(csr)
			first := w.signed(csr)[0]
			w.start() // a crash: nothing is remembered
			w.passed()
			if got := signatures.Load() - 1; got != tt.signatures { // without the barrier's
				t.Errorf("%d signatures, want %d", got, tt.signatures)
			}
			if again := w.signed(csr)[0]; !again.Equal(first) {
				t.Error("another certificate")
			}
			if n := w.wire.written(); n != 1 {
				t.Errorf("%d writes after the restart, want the barrier's", n)
			}
		})
	}
}

// meanwhile does something while an issuer signs.
type meanwhile struct {
	issuance.Issuer
	do func(name string)
}

func (m meanwhile) Sign(ctx context.Context, req issuance.Request) (issuance.Outcome, error) {
	m.do(req.Origin.Name)
	return m.Issuer.Sign(ctx, req)
}

func TestAnAnswerThatSomebodyElseGaveMeanwhileStands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.kinds = func(kinds []issuance.Kind) []issuance.Kind {
			kinds[0].Issuer = meanwhile{kinds[0].Issuer, func(name string) {
				if name != w.name("web") {
					return
				}
				csr := w.get(name)
				csr.Status.Conditions = append(csr.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
					Type: certificatesv1.CertificateFailed, Status: "True", Reason: "Other", Message: "another replica was faster",
				})
				must(t, w.client.Status().Update(t.Context(), csr))
			}}
			return kinds
		}
	}).withBarrier().start()
	name := w.ask("web", w.ofCluster("barrier"), newRequest(t, plain("web")))
	w.approve(name)
	w.until("a write of ours", func() error {
		if w.wire.written() == 0 {
			return errors.New("none")
		}
		return nil
	})
	w.passed()
	if csr := w.get(name); len(csr.Status.Certificate) > 0 || len(csr.Status.Conditions) != 2 {
		t.Errorf("status %+v", csr.Status)
	}
}

func TestWithANamespaceOnlyItsIssuersAreServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.namespaced = true }).withBarrier().start()
	root := newCA(t, "root", nil)
	w.create(root.secret(t, "", "ca"), w.issuer("ca", caOf("ca")))
	w.create(&certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: w.resources, Name: "ca"}, Spec: selfSigned})
	others := []string{
		w.ask("cluster", w.ofCluster("barrier"), newRequest(t, plain("x"))),
		w.ask("elsewhere", "issuers.cert-manager.io/"+w.resources+".ca", newRequest(t, plain("x"))),
	}
	for _, name := range others {
		w.approve(name)
	}
	own := w.ask("own", w.ofIssuer("ca"), newRequest(t, plain("x")))
	w.approve(own)
	w.signed(own)
	w.told(own, "Normal CertificateIssued")
	for _, name := range others {
		if csr := w.get(name); len(csr.Status.Conditions) != 1 || len(csr.Status.Certificate) > 0 || len(w.events(name)) > 0 {
			t.Errorf("%s: %+v, %v", name, csr.Status, w.events(name))
		}
	}
}
