//go:build cluster

package certificate_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A scenario is an issuance that is disturbed at each of its calls in turn.
type scenario struct {
	// change makes the Certificate.
	change []func(*certsv1.Certificate)
	// renewal disturbs the second issuance instead of the first.
	renewal bool
	// byAnother leaves approvals to another program.
	byAnother bool
	faults    []fault
}

var scenarios = map[string]scenario{
	"a first certificate of a CA":          {faults: all},
	"a renewal by a CA":                    {faults: all, renewal: true},
	"a renewal by a CA, same key":          {faults: all, renewal: true, change: []func(*certsv1.Certificate){keepsKey}},
	"a first certificate of a slow issuer": {faults: all, change: []func(*certsv1.Certificate){slowly}},
	"a renewal by a slow issuer":           {faults: all, renewal: true, change: []func(*certsv1.Certificate){slowly}},

	"a renewal by a slow issuer, same key":                     {faults: all[:3], renewal: true, change: []func(*certsv1.Certificate){slowly, keepsKey}},
	"a first certificate of a CA, approved by another program": {faults: all[:3], byAnother: true},
}

func keepsKey(c *certsv1.Certificate) {
	c.Spec.PrivateKey.RotationPolicy = certsv1.RotationPolicyNever
}

// A fault is what may happen to a call.
type fault struct {
	fate fate
	// kills says that nothing gets through any more after that.
	kills bool
}

// all are the faults. The last two leave the world as the third one does, at
// this call or the one before, unless calls overlap.
var all = []fault{{lostRequest, false}, {lostAnswer, false}, {delivered, true}, {lostRequest, true}, {lostAnswer, true}}

// A strike is what happens to one call: the n-th of its name.
type strike struct {
	fault
	what string
	n    int

	struck chan struct{} // closed when it has happened
	count  int
	dead   bool
}

func (s *strike) String() string {
	text := fmt.Sprintf("%s, no. %d, ", s.what, s.n)
	switch s.fate {
	case lostRequest:
		text += "never arrives"
	case lostAnswer:
		text += "is not answered"
	case delivered:
		text += "is answered"
	}
	if s.kills {
		text += ", then a kill"
	}
	return text
}

// decide is the fate of a call. After a kill nothing gets through any more.
func (s *strike) decide(what string) fate {
	if s.dead {
		return lostRequest
	}
	if what != s.what {
		return delivered
	}
	if s.count++; s.count != s.n {
		return delivered
	}
	close(s.struck)
	s.dead = s.kills
	return s.fate
}

func (s *strike) happened() bool {
	select {
	case <-s.struck:
		return true
	default:
		return false
	}
}

// TestCrashSafety disturbs every call of an issuance, reads, writes and events,
// one after the other. Whether the program lives on or is killed and started
// again: it ends with one valid Secret, one request, and nothing left over, and
// whoever watched saw no moment without a good pair.
func TestCrashSafety(t *testing.T) {
	var table tally
	t.Cleanup(func() { t.Log(table.String()) })
	for name, s := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := s.stage(t).record()
			table.recorded(name, calls, len(s.faults))
			var strikes []*strike
			count := map[string]int{}
			for _, what := range calls {
				count[what]++
				for _, f := range s.faults {
					strikes = append(strikes, &strike{fault: f, what: what, n: count[what]})
				}
			}
			// Each namespace serves many runs: to delete one costs more than a run.
			for share := range slices.Chunk(strikes, 30) {
				t.Run(share[0].String(), func(t *testing.T) {
					t.Parallel()
					st := s.stage(t)
					defer func() { st.t = t }() // for what is done at the end
					for _, by := range share {
						if !t.Run(by.String(), func(t *testing.T) { table.ran(name, st.disturbed(t, by)) }) {
							return
						}
					}
				})
			}
		})
	}
}

// A tally counts the runs of each scenario.
type tally struct {
	mu   sync.Mutex
	rows map[string]*row
}

type row struct {
	calls  []string
	faults int
	// missed are the runs in which the call that was to be disturbed was not made.
	runs, missed int
}

func (t *tally) recorded(name string, calls []string, faults int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rows == nil {
		t.rows = map[string]*row{}
	}
	t.rows[name] = &row{calls: calls, faults: faults}
}

func (t *tally) ran(name string, struck bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[name].runs++
	if !struck {
		t.rows[name].missed++
	}
}

func (t *tally) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(t.rows)) {
		r := t.rows[name]
		count := map[string]int{}
		for _, what := range r.calls {
			count[what]++
		}
		fmt.Fprintf(&b, "\n%s: %d calls × %d faults, %d runs, the call was not made in %d\n", name, len(r.calls), r.faults, r.runs, r.missed)
		for _, what := range slices.Sorted(maps.Keys(count)) {
			fmt.Fprintf(&b, "%6d %s\n", count[what], what)
		}
	}
	return b.String()
}

// A stage is a world in which an issuance can begin.
type stage struct {
	*world
	scenario
	issuer *slowIssuer
	seen   *witness
}

func (s scenario) stage(t *testing.T) *stage {
	t.Helper()
	issuer := &slowIssuer{}
	w := newWorld(t, withSlow(issuer), func(w *world) { w.manual = s.byAnother })
	w.start()
	w.withCA()
	issuer.create(w)
	return &stage{world: w, scenario: s, issuer: issuer}
}

// set sets the stage anew, for the test t: all is as it is before the issuance,
// and a new program runs.
func (s *stage) set(t *testing.T) {
	t.Helper()
	s.t = t
	s.stop()
	for _, o := range []client.Object{&certsv1.Certificate{}, &certsv1.CertificateRequest{}, &corev1.Secret{}} {
		must(t, s.client.DeleteAllOf(t.Context(), o, client.InNamespace(s.namespace), client.MatchingFieldsSelector{Selector: fields.OneTermNotEqualSelector("metadata.name", "ca-key")}))
	}
	s.clock.SetTime(time.Now())
	s.seen = s.witness()
	s.issuer.forget()
	s.issuer.answers(nil)
	s.start()
	if s.byAnother {
		go s.approveAll(t.Context())
	}
	if s.renewal {
		s.create(s.certificate())
		s.ready("web", 1)
	}
	s.issuer.answersInTurn(after(1, pends, signs))
	s.quiet()
	s.wire.seen()
}

func (s *stage) certificate() *certsv1.Certificate {
	crt := newCertificate("web", s.change...)
	crt.Spec.Duration = &metav1.Duration{Duration: 3 * time.Hour}
	return crt
}

// revision is that of the disturbed issuance.
func (s *stage) revision() int {
	if s.renewal {
		return 2
	}
	return 1
}

// begin gives the reason for the issuance.
func (s *stage) begin() {
	if !s.renewal {
		s.create(s.certificate())
		return
	}
	s.clock.SetTime(s.clock.Now().Add(2*time.Hour + time.Second))
	s.poke("web")
}

// record returns the calls of an issuance that nothing disturbs.
func (s *stage) record() []string {
	s.t.Helper()
	s.set(s.t)
	s.begin()
	s.ends()
	s.judge(&strike{})
	return s.wire.seen()
}

// disturbed runs an issuance, and reports whether it made the call at all: how
// often somebody looks again depends on how events fall together.
func (s *stage) disturbed(t *testing.T, by *strike) bool {
	t.Helper()
	s.set(t)
	by.struck = make(chan struct{})
	s.wire.mu.Lock()
	s.wire.fate = by.decide
	s.wire.mu.Unlock()
	s.begin()
	if by.kills {
		s.until("the kill", func() error {
			if by.happened() {
				return nil
			}
			return s.over()
		})
		if by.happened() {
			s.start() // with a new wire
		}
	}
	s.ends()
	s.judge(by)
	return by.happened()
}

// over returns why the issuance is not over, or something that it left is not
// gone.
func (s *stage) over() error {
	if err := s.isReady("web", s.revision()); err != nil {
		return err
	}
	if requests, keys := s.left(); len(requests) != 1 || len(keys) != 0 {
		return fmt.Errorf("%d requests and %d keys are there", len(requests), len(keys))
	}
	return nil
}

// ends waits until the issuance is over, and nothing more happens.
func (s *stage) ends() {
	s.t.Helper()
	s.until("the issuance is over", s.over)
	s.quiet()
}

// left returns the requests, and the Secrets that are neither the target nor the
// CA's.
func (s *stage) left() ([]certsv1.CertificateRequest, []corev1.Secret) {
	s.t.Helper()
	var requests certsv1.CertificateRequestList
	must(s.t, s.client.List(s.t.Context(), &requests, client.InNamespace(s.namespace)))
	var secrets corev1.SecretList
	must(s.t, s.client.List(s.t.Context(), &secrets, client.InNamespace(s.namespace)))
	return requests.Items, slices.DeleteFunc(secrets.Items, func(s corev1.Secret) bool { return s.Name == "ca-key" || s.Name == "web-tls" })
}

// judge looks at how it ended, and at how it came about.
func (s *stage) judge(by *strike) {
	t := s.t
	t.Helper()
	crt, secret, leaf := s.ready("web", s.revision())
	if crt.Status.FailedIssuanceAttempts != nil || crt.Status.LastFailureTime != nil {
		t.Errorf("a failure is counted: %+v", crt.Status)
	}
	if !s.clock.Now().Before(leaf.NotAfter) {
		t.Errorf("the certificate is valid until %s, it is %s", leaf.NotAfter, s.clock.Now())
	}
	requests, keys := s.left()
	if len(requests) != 1 || len(keys) != 0 {
		t.Fatalf("%d requests and %d keys are left", len(requests), len(keys))
	}
	current := requests[0]
	if current.Annotations[certsv1.CertificateRevisionKey] != fmt.Sprint(s.revision()) || !metav1.IsControlledBy(&current, crt) ||
		!bytes.Equal(current.Status.Certificate, secret.Data["tls.crt"]) {
		t.Errorf("the Secret is not what request %s of revision %s was answered with", current.Name, current.Annotations[certsv1.CertificateRevisionKey])
	}

	s.seen.caughtUp()
	pairs := s.pairs()
	if len(pairs) != s.revision() {
		t.Errorf("the Secret held %d pairs in turn, want %d", len(pairs), s.revision())
	}
	if same := bytes.Equal(pairs[0], pairs[len(pairs)-1]); s.renewal && same != (crt.Spec.PrivateKey.RotationPolicy == certsv1.RotationPolicyNever) {
		t.Errorf("the renewed certificate has the same key: %t", same)
	}
	s.judgeRequests(crt, by)
}

// pairs returns the public keys that the target Secret held one after the
// other, and complains about any moment at which it did not hold a good pair.
func (s *stage) pairs() (keys [][]byte) {
	s.t.Helper()
	var last []byte
	for _, version := range s.seen.secrets {
		if version.Name != "web-tls" {
			continue
		}
		if version.deleted {
			s.t.Error("the Secret was deleted")
			continue
		}
		chain, err := certs.DecodeChain(version.Data["tls.crt"])
		key, keyErr := certs.DecodeKey(version.Data["tls.key"])
		if err := errors.Join(err, keyErr); err != nil {
			s.t.Errorf("the Secret held no pair: %v", err)
			continue
		}
		if !certs.SamePublicKey(chain[0].PublicKey, key.Public()) {
			s.t.Error("the Secret held a key and a certificate that do not belong together")
		}
		if !bytes.Equal(last, chain[0].Raw) {
			keys = append(keys, chain[0].RawSubjectPublicKeyInfo)
		}
		last = chain[0].Raw
	}
	return keys
}

// judgeRequests looks at all requests that ever were.
func (s *stage) judgeRequests(crt *certsv1.Certificate, by *strike) {
	s.t.Helper()
	keys := map[string]string{}
	for _, r := range s.seen.requests {
		csr, err := certs.DecodeCSR(r.Spec.Request)
		must(s.t, err)
		key := string(csr.RawSubjectPublicKeyInfo)
		if other, ok := keys[key]; ok && crt.Spec.PrivateKey.RotationPolicy != certsv1.RotationPolicyNever {
			s.t.Errorf("requests %s and %s share a key", r.Name, other)
		}
		keys[key] = r.Name
	}
	// With an issuer that answers at once, and costs nothing, a key may be lost
	// with the program, or with the answer to the request for it.
	most := s.revision()
	if crt.Spec.IssuerRef.Name != "slow" && (by.kills || by.what == "POST certificaterequests") {
		most++
	}
	if crt.Spec.IssuerRef.Name == "slow" {
		if orders, _ := s.issuer.ordered(); orders != s.revision() {
			s.t.Errorf("%d orders at the CA, want %d", orders, s.revision())
		}
	}
	if n := len(s.seen.requests); n > most {
		s.t.Errorf("%d requests were made, want at most %d", n, most)
	}
}
