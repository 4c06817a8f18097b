package certificate

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	"github.com/certwright/certwright/certs/keystore"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// TestConverges plays random events through Decide, in a world that lives in
// memory and that loses writes: before they arrive, or with their answer, which
// ends the pass as a crash does. Whatever happens, it ends with one valid
// Secret, no leftovers, and not more signatures than there were reasons for.
func TestConverges(t *testing.T) {
	runs := 500
	if testing.Short() {
		runs = 100
	}
	stock := newStock()
	for seed := range runs {
		w := newTown(stock, uint64(seed))
		if err := w.play(); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.history, "\n"))
		}
	}
}

// A stock holds keys with requests and certificates for both names that the
// world's Certificate may ask for, as making them takes long.
type stock struct {
	pairs [2][12]material
	// parsed are the signing requests in pairs, which takes long, too.
	parsed map[string]KnownRequest
}

func newStock() *stock {
	s := &stock{parsed: map[string]KnownRequest{}}
	root, signer := authority()
	for k := range s.pairs[0] {
		key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
		check(err)
		for v := range s.pairs {
			spec := crt(variant(v)).Spec
			m := sign(&spec, key, noon, lifetime, root, signer)
			s.pairs[v][k] = m
			s.parsed[string(m.csr)] = NewRequest(&certsv1.CertificateRequest{Spec: certsv1.CertificateRequestSpec{Request: m.csr}})
		}
	}
	return s
}

// lifetime of the certificates: longer than any run.
const lifetime = 20 * 365 * 24 * time.Hour

func variant(v int) func(*certsv1.Certificate) {
	return func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{[]string{"a.example", "b.example"}[v]} }
}

var errCut = errors.New("cut")

// A town is an API server, an issuer and an approver.
type town struct {
	*stock
	rand       *rand.Rand
	now        time.Time
	version    int
	crt        *certsv1.Certificate
	secret     *corev1.Secret
	summarized *certs.SecretSummary
	reqs       map[string]*certsv1.CertificateRequest
	keys       map[string]int // Secret → key in stock
	signer     Signer
	// trouble is how often a write is lost, and an issuer refuses.
	trouble float64
	// signed counts signatures, reasons what may have led to one.
	signed, reasons int
	nextKey         int
	// password of the keystore; its Secret is away if it is empty.
	password string
	history  []string
}

func newTown(s *stock, seed uint64) *town {
	w := &town{
		stock: s, rand: rand.New(rand.NewPCG(seed, 1)), now: noon, reqs: map[string]*certsv1.CertificateRequest{},
		keys: map[string]int{}, trouble: .15, crt: crt(),
	}
	w.signer = Signer(w.rand.IntN(2))
	if w.rand.IntN(4) == 0 {
		neverRotate(w.crt)
	}
	if w.rand.IntN(4) == 0 {
		w.crt.Annotations = map[string]string{certsv1.IssueTemporaryCertificateKey: "true"}
	}
	if w.rand.IntN(4) == 0 {
		withKeystores(w.crt)
		w.crt.Spec.Keystores.JKS.Password, w.crt.Spec.Keystores.JKS.PasswordSecretRef = nil, w.crt.Spec.Keystores.PKCS12.PasswordSecretRef
		w.crt.Spec.Keystores.PKCS12 = nil
	}
	w.reasons = 1
	return w
}

func (w *town) log(format string, args ...any) {
	w.history = append(w.history, w.now.Format("02 15:04:05 ")+fmt.Sprintf(format, args...))
}

func (w *town) variant() int {
	if w.crt.Spec.DNSNames[0] == "a.example" {
		return 0
	}
	return 1
}

// play lets things happen, then leaves the world in peace and looks at it.
func (w *town) play() error {
	for range 40 {
		w.event()
		w.pass()
		w.now = w.now.Add(time.Second)
	}
	w.trouble, w.password = 0, "the last"
	for range 40 {
		w.issuer()
		w.pass()
		w.now = w.now.Add(time.Minute)
		if w.crt.Status.LastFailureTime != nil || w.rand.IntN(8) == 0 {
			w.now = w.now.Add(33 * time.Hour)
		}
	}
	return w.judge()
}

// event is something that others do.
func (w *town) event() {
	switch w.rand.IntN(14) {
	case 0:
		w.log("the Secret is deleted")
		w.secret = nil
		w.reasons++
	case 1:
		w.log("the names change")
		variant(1 - w.variant())(w.crt)
		w.crt.Generation++
		w.reasons++
	case 2:
		w.log("renewed by hand")
		issuingSince(w.now, "ManuallyTriggered")(w.crt)
		w.reasons++
	case 3:
		w.log("an hour passes")
		w.now = w.now.Add(time.Hour)
	case 4:
		for name := range w.keys {
			w.log("the stored key %s is deleted", name)
			delete(w.keys, name)
			w.reasons++
			break
		}
	case 5:
		for name := range w.reqs {
			w.log("request %s is deleted", name)
			delete(w.reqs, name)
			w.reasons++
			break
		}
	case 6:
		w.signer = Signer(w.rand.IntN(2))
		w.log("the issuer is now %d", w.signer)
	case 7:
		w.log("the time for a renewal has come")
		w.crt.Spec.RenewBefore = &metav1.Duration{Duration: lifetime - w.now.Sub(noon) - time.Second}
		w.reasons++
	case 8:
		w.log("the password's Secret is away")
		w.password = ""
	case 9:
		w.password = fmt.Sprint("sesame", w.rand.IntN(2))
		w.log("the password is %s", w.password)
	default:
		w.issuer()
	}
}

// issuer answers open requests, as package request does.
func (w *town) issuer() {
	for _, name := range w.names() {
		r := w.reqs[name]
		if len(r.Status.Conditions) > 0 || w.rand.IntN(3) == 0 {
			continue
		}
		w.answer(r)
	}
}

func (w *town) names() []string {
	var names []string
	for name := range w.reqs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *town) answer(r *certsv1.CertificateRequest) {
	w.version++
	r.ResourceVersion = fmt.Sprint(w.version)
	if w.rand.Float64() < w.trouble {
		w.log("request %s is refused", r.Name)
		failedWith("Failed", "no", w.now)(r)
		w.reasons++
		return
	}
	for _, row := range w.pairs {
		for _, m := range row {
			if string(m.csr) == string(r.Spec.Request) {
				w.log("request %s is signed", r.Name)
				answeredWith(m)(r)
				w.signed++
				return
			}
		}
	}
	panic("a request from nowhere")
}

// write is one write: it may get lost on the way, or its answer may.
func (w *town) write(what string, f func()) error {
	switch p := w.rand.Float64(); {
	case p < w.trouble/2:
		w.log("LOST %s", what)
		w.reasons++
		return errCut
	case p < w.trouble:
		f()
		w.log("%s, answer LOST", what)
		w.reasons++
		return errCut
	default:
		f()
		w.log("%s", what)
		return nil
	}
}

// summary is the summary of the Secret, which takes long to make.
func (w *town) summary() *certs.SecretSummary {
	if w.summarized == nil || w.summarized.ResourceVersion != w.secret.ResourceVersion {
		w.summarized = certs.Summarize(w.secret)
	}
	out := *w.summarized
	out.Labels = w.secret.Labels
	return &out
}

// observe is what the shell would see. Everything is live.
func (w *town) observe() State {
	s := State{Now: w.now, Live: true, Certificate: w.crt.DeepCopy(), Signer: w.signer, Policy: testPolicy}
	if w.secret != nil {
		s.Secret = w.summary()
		s.Secret.OwnedData = slices.Sorted(maps.Keys(w.secret.Data))
		s.Secret.OwnedLabels = []string{certsv1.SecretManagedKey}
		s.Secret.OwnedAnnotations = slices.Collect(maps.Keys(s.Secret.Annotations))
	}
	if len(s.wishes()) > 0 {
		s.Passwords = []Password{{Version: w.password, Missing: w.password == ""}}
		if w.password == "" {
			s.Passwords[0].Problem = "the Secret does not exist"
		}
	}
	for _, name := range w.names() {
		known := w.parsed[string(w.reqs[name].Spec.Request)]
		known.Object = w.reqs[name].DeepCopy()
		s.Requests = append(s.Requests, known)
	}
	for name, k := range w.keys {
		key := stored(w.pairs[0][k])
		key.Name, key.UID = name, types.UID(name)
		s.Keys = append(s.Keys, key)
	}
	return s
}

// pass is the shell: it decides and takes steps until there is nothing to do
// but wait, or the wire is cut, and reports.
func (w *town) pass() {
	s := w.observe()
	for range maxSteps {
		d := Decide(s)
		if err := w.take(&s, d); err != nil {
			return // a crash: nothing is reported
		}
		if _, ok := d.Step.(IssueNow); ok {
			s.Signer = Slow
			s = w.again(s)
			continue
		}
		before := s.Certificate.Status
		s = w.again(s)
		s.Certificate.Status = d.Status
		if _, waits := d.Step.(Wait); waits && short(Decision{Step: Wait{}, Status: before}) == short(Decision{Step: Wait{}, Status: d.Status}) {
			_ = w.write("report", func() { w.crt.Status = d.Status })
			return
		}
	}
	panic("no end of steps")
}

// again looks at the world after a step, but keeps what is not reported yet.
func (w *town) again(s State) State {
	next := w.observe()
	next.Certificate.Status, next.Signer = s.Certificate.Status, s.Signer
	return next
}

func (w *town) take(s *State, d Decision) error {
	switch step := d.Step.(type) {
	case Wait:
		return nil
	case IssueNow:
		k := w.key(step.Keep)
		r, err := w.ask(step.Revision, step.KeySecret, k)
		if err != nil {
			return err
		}
		if err := w.write("answer "+r.Name, func() { w.answer(r) }); err != nil {
			return err
		}
		if len(r.Status.Certificate) == 0 {
			return nil
		}
		c, err := issuedContent(w.crt, r, w.pairs[0][k].key)
		check(err)
		return w.apply(s, c, nil)
	case StoreKey:
		k := w.key(step.Keep)
		return w.write(step.String(), func() { w.keys[step.Name] = k })
	case Request:
		_, err := w.ask(step.Revision, step.Key, w.keys[step.Key])
		return err
	case Discard:
		return w.write(step.String(), func() {
			if step.Kind == kindSecret {
				delete(w.keys, step.Name)
			} else {
				delete(w.reqs, step.Name)
			}
		})
	case Store:
		k, ok := w.keys[step.Key]
		if !ok {
			k = w.keyInSecret()
		}
		c, err := issuedContent(w.crt, w.reqs[step.Request], w.pairs[0][k].key)
		check(err)
		return w.apply(s, c, nil)
	case StoreTemporary:
		k, ok := w.keys[step.Key]
		if !ok {
			k = w.keyInSecret()
		}
		if s.usable() {
			panic("a usable pair is overwritten")
		}
		i := slices.IndexFunc(s.Requests, func(r KnownRequest) bool { return r.Object.Name == step.Request })
		c, err := temporaryContent(w.crt, s.Requests[i], w.pairs[0][k].key, w.now)
		check(err)
		return w.apply(s, c, nil)
	case Restore:
		c, err := s.presentContent(w.secret)
		check(err)
		return w.apply(s, c, w.secret)
	default:
		panic(fmt.Sprintf("no step %T", step))
	}
}

// key is the key that is kept, or a new one.
func (w *town) key(keep bool) int {
	if keep {
		return w.keyInSecret()
	}
	w.nextKey = (w.nextKey + 1) % len(w.pairs[0])
	return w.nextKey
}

func (w *town) keyInSecret() int {
	for k, m := range w.pairs[0] {
		if string(m.keyPEM) == string(w.secret.Data["tls.key"]) {
			return k
		}
	}
	panic("a key from nowhere")
}

func (w *town) ask(revision int, key string, k int) (*certsv1.CertificateRequest, error) {
	r := newRequest(w.crt, revision, key, w.pairs[w.variant()][k].csr, nil)
	if w.reqs[r.Name] != nil {
		panic("request " + r.Name + " is there already")
	}
	w.version++
	r.UID, r.ResourceVersion = types.UID(fmt.Sprint("uid-", w.version)), fmt.Sprint(w.version)
	r.CreationTimestamp = metav1.NewTime(w.now)
	return r, w.write("create "+r.Name, func() { w.reqs[r.Name] = r })
}

func (w *town) apply(s *State, c content, present *corev1.Secret) error {
	c, err := s.withKeystores(c, present, [][]byte{[]byte(w.password)})
	check(err)
	data := map[string][]byte{"tls.crt": c.chain, "tls.key": c.key}
	maps.Copy(data, c.keystores)
	return w.write("apply the Secret", func() {
		w.version++
		w.secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "team", Name: "web-tls", ResourceVersion: fmt.Sprint(w.version),
				Labels: map[string]string{certsv1.SecretManagedKey: "true"}, Annotations: c.annotations,
			},
			Type: corev1.SecretTypeTLS, Data: data,
		}
	})
}

// judge looks at how it ended.
func (w *town) judge() error {
	s := w.observe()
	if f, bad := s.check(); bad {
		d := Decide(w.observe())
		return fmt.Errorf("the Secret is not right: %s; %s, %s, %+v", f.Message, d.Step, d.Reason, w.crt.Status)
	}
	if !slices.Equal(s.Secret.Names.DNSNames, w.crt.Spec.DNSNames) {
		return fmt.Errorf("the Secret is for %v", s.Secret.Names.DNSNames)
	}
	if len(w.keys) > 0 && w.crt.Status.Condition("Issuing") == nil {
		return fmt.Errorf("%d keys are left", len(w.keys))
	}
	if w.crt.Status.Revision == nil {
		return errors.New("no revision")
	}
	if len(s.wishes()) > 0 {
		if err := jks.New().Load(bytes.NewReader(w.secret.Data[keystore.JKSKey]), []byte(w.password)); err != nil {
			return fmt.Errorf("the keystore: %w", err)
		}
	}
	if limit := w.reasons + 40; w.signed > limit {
		return fmt.Errorf("%d signatures for %d reasons", w.signed, w.reasons)
	}
	return nil
}
