package certificate

import (
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestTheFirstOfManyFaultsIsTheReason: everything is wrong at first, then one
// thing after the other is put right, in the order of the reasons.
func TestTheFirstOfManyFaultsIsTheReason(t *testing.T) {
	t.Parallel()
	web := crt()
	fits, other := makes(&web.Spec), makes(&web.Spec)
	renamed := crt(func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{"b.example"} })
	size384 := crt(func(c *certsv1.Certificate) { c.Spec.PrivateKey.Size = 384 })
	wrongKind := makes(&size384.Spec)

	end := fits.leaf.NotAfter.Add(time.Hour)
	type parts struct {
		secret    bool
		key, leaf []byte
		issuer    string
		name      string
		request   KnownRequest
		now       time.Time
	}
	state := func(p parts) State {
		s := State{Now: p.now, Certificate: crt(atRevision(1)), Requests: []KnownRequest{p.request}, Policy: testPolicy}
		if p.secret {
			s.Secret = holding(web, fits, func(x *corev1.Secret) {
				x.Data = map[string][]byte{}
				if p.key != nil {
					x.Data["tls.key"] = p.key
				}
				if p.leaf != nil {
					x.Data["tls.crt"] = p.leaf
				}
				x.Annotations[certsv1.IssuerNameKey], x.Annotations[certsv1.CertificateNameKey] = p.issuer, p.name
			})
		}
		return s
	}
	p := parts{issuer: "another", name: "another", request: asked(renamed, 1, other), now: end}
	steps := []struct {
		repair         func()
		reason, speaks string
	}{
		{func() {}, "DoesNotExist", "does not exist"},
		{func() { p.secret = true }, "MissingData", "no data"},
		{func() { p.leaf = []byte("x") }, "MissingData", "no private key"},
		{func() { p.leaf, p.key = nil, []byte("x") }, "MissingData", "no certificate"},
		{func() { p.leaf = []byte("x") }, "InvalidKeyPair", "private key"},
		{func() { p.key = other.keyPEM }, "InvalidCertificate", "cannot be read"},
		{func() { p.leaf = wrongKind.chain }, "InvalidKeyPair", "do not belong together"},
		{func() { p.key = wrongKind.keyPEM }, "IncorrectIssuer", `Issuer "another"`},
		{func() { p.issuer = "ca" }, "IncorrectCertificate", `"another"`},
		{func() { p.name = "web" }, "SecretMismatch", "ECDSA 384"},
		{func() { p.key, p.leaf = fits.keyPEM, fits.chain }, "SecretMismatch", "not the one of CertificateRequest"},
		{func() { p.request = asked(renamed, 1, sign(&renamed.Spec, fits.key, noon, time.Hour, nil, nil)) }, "RequestChanged", "spec.dnsNames"},
		{func() { p.request = asked(web, 1, fits) }, "Renewing", "scheduled"},
		{func() { p.now = noon }, "", ""},
	}
	for _, step := range steps {
		step.repair()
		f, ok := state(p).trigger()
		if f.Reason != step.reason || ok != (step.reason != "") || !strings.Contains(f.Message, step.speaks) {
			t.Errorf("%+v, want %s: … %s …", f, step.reason, step.speaks)
		}
		u, _ := state(p).unready()
		if step.reason == ReasonRenewing {
			step.reason = ReasonExpired
		}
		if u.Reason != step.reason {
			t.Errorf("not ready because of %q, want %q", u.Reason, step.reason)
		}
	}
}

// TestIssuerOnTheSecret: which annotations of a Secret mean the issuer of the
// spec.
func TestIssuerOnTheSecret(t *testing.T) {
	t.Parallel()
	const name, kind, group = certsv1.IssuerNameKey, certsv1.IssuerKindKey, certsv1.IssuerGroupKey
	issuer := cmmeta.IssuerReference{Name: "ca"}
	cluster := cmmeta.IssuerReference{Name: "ca", Kind: "ClusterIssuer"}
	external := cmmeta.IssuerReference{Name: "ca", Kind: "CloudIssuer", Group: "cloud.example"}
	tests := map[string]struct {
		ref         cmmeta.IssuerReference
		annotations map[string]string
		same        bool
	}{
		"none at all mean any Issuer":                           {issuer, nil, true},
		"none at all do not mean a ClusterIssuer":               {cluster, nil, false},
		"none at all do not mean an external issuer":            {external, nil, false},
		"empty ones mean the defaults":                          {issuer, map[string]string{name: "ca", kind: "", group: ""}, true},
		"absent ones mean the defaults":                         {issuer, map[string]string{name: "ca"}, true},
		"the defaults may be written out":                       {issuer, map[string]string{name: "ca", kind: "Issuer", group: "cert-manager.io"}, true},
		"and be left out on the Secret":                         {cmmeta.IssuerReference{Name: "ca", Kind: "Issuer", Group: "cert-manager.io"}, map[string]string{name: "ca", kind: "", group: ""}, true},
		"another name":                                          {issuer, map[string]string{name: "x"}, false},
		"a kind without a name: then the name is compared":      {issuer, map[string]string{kind: "Issuer"}, false},
		"a group without a name: then the name is compared too": {issuer, map[string]string{group: ""}, false},
		"another kind":                                          {issuer, map[string]string{name: "ca", kind: "ClusterIssuer"}, false},
		"another group":                                         {issuer, map[string]string{name: "ca", group: "cloud.example"}, false},
		"a ClusterIssuer":                                       {cluster, map[string]string{name: "ca", kind: "ClusterIssuer", group: ""}, true},
		"an external issuer":                                    {external, map[string]string{name: "ca", kind: "CloudIssuer", group: "cloud.example"}, true},
	}
	m := makes(&crt().Spec)
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c := crt(func(c *certsv1.Certificate) { c.Spec.IssuerRef = tt.ref })
			s := State{Now: noon, Certificate: c, Secret: holding(c, m)}
			maps.DeleteFunc(s.Secret.Annotations, func(k, _ string) bool { return k == name || k == kind || k == group })
			maps.Copy(s.Secret.Annotations, tt.annotations)
			f, bad := s.check()
			if bad == tt.same || bad && f.Reason != ReasonIncorrectIssuer {
				t.Errorf("check() = %+v, %t", f, bad)
			}
		})
	}
}

// TestBackOffGuard: what holds back a new attempt after a failure, and what does
// not.
func TestBackOffGuard(t *testing.T) {
	t.Parallel()
	web := crt()
	m := makes(&web.Spec)
	unreadable := asked(web, 1, m)
	unreadable.CSR = nil
	failed := asked(web, 1, m, failedWith("Failed", "no", noon))
	tests := map[string]struct {
		change func(*State)
		waits  bool
	}{
		"the failed request":             {func(s *State) { s.Requests = []KnownRequest{failed} }, true},
		"no request any more":            {func(*State) {}, true},
		"a request that nobody can read": {func(s *State) { s.Requests = []KnownRequest{unreadable} }, false},
		"a request for other names": {func(s *State) {
			s.Requests, s.Certificate.Spec.DNSNames = []KnownRequest{failed}, []string{"b.example"}
		}, false},
		"what is no reason for a new request": {func(s *State) {
			s.Requests, s.Certificate.Spec.RevisionHistoryLimit = []KnownRequest{failed}, new(int32)
		}, true},
		"no wait is configured":                           {func(s *State) { s.Policy = Policy{MinBackoff: -1, MaxBackoff: time.Hour} }, false},
		"a failure without a count is the first":          {func(s *State) { s.Certificate.Status.FailedIssuanceAttempts, s.Now = nil, noon.Add(59*time.Minute) }, true},
		"and waits an hour":                               {func(s *State) { s.Certificate.Status.FailedIssuanceAttempts, s.Now = nil, noon.Add(time.Hour) }, false},
		"a count without a time was before any failure":   {func(s *State) { s.Certificate.Status.LastFailureTime = nil }, false},
		"a failure in the future, by another clock":       {func(s *State) { s.Certificate.Status.LastFailureTime = &metav1.Time{Time: noon.Add(time.Minute)} }, true},
		"an issuance that is under way already":           {func(s *State) { issuingSince(noon, "Renewing")(s.Certificate) }, false},
		"a certificate that fits, whatever failed before": {func(s *State) { s.Secret = holding(web, m) }, false},
	}
	for what, tt := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := State{Now: noon, Live: true, Certificate: crt(failedAt(noon, 1)), Policy: testPolicy, Signer: AtOnce}
			tt.change(&s)
			d := Decide(s)
			if waits := d.Reason == "BackingOff"; waits != tt.waits {
				t.Errorf("Decide() = %+v", short(d))
			}
		})
	}
}
