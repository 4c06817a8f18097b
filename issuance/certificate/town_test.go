package certificate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// A stock holds keys with requests and certificates for both names that the
// town's Certificate may ask for, as making them takes long.
type stock struct {
	// pairs are by name and key. For each there is one signing request, and some
	// certificates: no two answers are the same.
	pairs [2][12][answers + 1]material
	// asked are the requests in pairs, by the text of the signing request.
	asked map[string]order
	// expired is a certificate for nobody's key.
	expired material
}

// answers is how many certificates an issuer gives in turn for the same signing
// request. The one after them is that of somebody else.
const answers = 3

// An order is a signing request in the stock.
type order struct {
	KnownRequest // without the object
	name, key    int
}

func newStock() *stock {
	s := &stock{asked: map[string]order{}}
	root, signer := authority()
	for k := range s.pairs[0] {
		key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
		check(err)
		for v := range s.pairs {
			spec := crt(variant(v)).Spec
			for i := range s.pairs[v][k] {
				s.pairs[v][k][i] = sign(&spec, key, noon, lifetime, root, signer)
			}
			csr := s.pairs[v][k][0].csr
			s.asked[string(csr)] = order{NewRequest(&certsv1.CertificateRequest{Spec: certsv1.CertificateRequestSpec{Request: csr}}), v, k}
		}
	}
	s.expired = makes(&crt().Spec)
	return s
}

// lifetime of the certificates: longer than any run.
const lifetime = 20 * 365 * 24 * time.Hour

func variant(v int) func(*certsv1.Certificate) {
	return func(c *certsv1.Certificate) { c.Spec.DNSNames = []string{[]string{"a.example", "b.example"}[v]} }
}

// A town is an API server, an issuer, an approver and the rest of the world, and
// the shell of the program. What is in it is replaced, never changed, so that
// Decide may look at it.
type town struct {
	*stock
	now     time.Time
	version int
	crt     *certsv1.Certificate
	secret  *corev1.Secret
	reqs    map[string]*certsv1.CertificateRequest
	keys    map[string]int // Secret → key in stock
	signer  Signer
	// password of the keystore; its Secret is away if it is empty.
	password string
	// rival is another Certificate with the same target Secret, older than ours.
	rival bool

	// wake is when the program looks again by itself, memory what it remembers.
	wake, planned time.Time
	memory        recollection
	cut           *cut

	nextKey    int
	summarized *certs.SecretSummary
	// signed counts signatures, reasons what may have led to one.
	signed, reasons int
	problem         error
	history         []string
}

// A cut is a write that is lost, after some others.
type cut struct {
	after          int
	arrives, kills bool
}

var errCut = errors.New("cut")

func newTown(s *stock) *town {
	return &town{
		stock: s, now: noon, crt: crt(), reqs: map[string]*certsv1.CertificateRequest{}, keys: map[string]int{},
		signer: AtOnce, password: "sesame", reasons: 1,
	}
}

func (w *town) log(format string, args ...any) {
	w.history = append(w.history, w.now.Format("2006-01-02 15:04:05 ")+fmt.Sprintf(format, args...))
}

// nextVersion is the resource version of the next write.
func (w *town) nextVersion() string {
	w.version++
	return fmt.Sprint(w.version)
}

// change writes the Certificate, as its user does.
func (w *town) change(f func(*certsv1.Certificate)) {
	w.version++
	w.crt = w.crt.DeepCopy()
	f(w.crt)
}

// edit changes its spec.
func (w *town) edit(f func(*certsv1.Certificate)) {
	w.change(f)
	w.crt.Generation++
	w.reasons++
}

// kinds are the moves.
var kinds = []struct {
	name    string
	happens func(w *town, arg int)
}{
	{"other names are asked for", func(w *town, _ int) { w.edit(variant(1 - w.variant())); w.log("names %v", w.crt.Spec.DNSNames) }},
	{"another issuer is asked for", func(w *town, arg int) {
		w.edit(func(c *certsv1.Certificate) { c.Spec.IssuerRef.Name = []string{"ca", "other"}[arg%2] })
		w.log("issuer %s", w.crt.Spec.IssuerRef.Name)
	}},
	{"the rotation policy changes", func(w *town, arg int) {
		policy := []certsv1.PrivateKeyRotationPolicy{certsv1.RotationPolicyAlways, certsv1.RotationPolicyNever}[arg%2]
		w.edit(func(c *certsv1.Certificate) {
			p := *c.Spec.PrivateKey
			p.RotationPolicy = policy
			c.Spec.PrivateKey = &p
		})
		w.log("rotationPolicy %s", policy)
	}},
	{"a temporary certificate is wanted, or not", func(w *town, arg int) {
		value := []string{"true", "false", "false"}[arg%3]
		w.change(func(c *certsv1.Certificate) {
			c.Annotations = map[string]string{certsv1.IssueTemporaryCertificateKey: value}
		})
		w.log("a temporary certificate is wanted: %s", value)
	}},
	{"a keystore is wanted, or not", func(w *town, arg int) {
		w.edit(func(c *certsv1.Certificate) {
			withKeystores(c)
			c.Spec.Keystores.JKS.Password, c.Spec.Keystores.JKS.PasswordSecretRef = nil, c.Spec.Keystores.PKCS12.PasswordSecretRef
			c.Spec.Keystores.PKCS12 = nil
			if arg%2 == 1 {
				c.Spec.Keystores = nil
			}
		})
		w.log("a keystore is wanted: %t", arg%2 == 0)
	}},
	{"the password of the keystore changes", func(w *town, arg int) {
		w.version++
		w.password = []string{"", "sesame", "open"}[arg%3]
		w.log("the password is %q", w.password)
	}},
	{"renewed by hand", func(w *town, _ int) {
		w.change(issuingSince(w.now, "ManuallyTriggered"))
		w.reasons++
		w.log("renewed by hand")
	}},
	{"the time for a renewal has come", func(w *town, _ int) {
		w.edit(func(c *certsv1.Certificate) {
			c.Spec.RenewBefore = &metav1.Duration{Duration: lifetime - w.now.Sub(noon) - time.Second}
		})
		w.log("the time for a renewal has come")
	}},
	{"time passes", func(w *town, arg int) {
		d := []time.Duration{time.Minute, time.Hour, 40 * time.Hour}[arg%3]
		w.log("%s later", d)
		w.now = w.now.Add(d)
		w.reasons += 2 // what was put off is done
	}},
	{"the clock is set back", func(w *town, arg int) {
		d := []time.Duration{time.Second, time.Minute, time.Hour}[arg%3]
		w.log("the clock is set back by %s", d)
		w.now = w.now.Add(-d)
	}},
	{"the issuer takes its time, or not", func(w *town, arg int) {
		w.version++
		w.signer = Signer(arg % 2)
		w.log("the issuer answers at once: %t", w.signer == AtOnce)
	}},
	{"the issuer answers", func(w *town, _ int) { w.answerAll() }},
	{"the issuer refuses", func(w *town, _ int) { w.answerWith("refused", failedWith("Failed", "no", w.now)) }},
	{"the approver denies", func(w *town, _ int) { w.answerWith("denied", deniedBy("Policy", "no", w.now)) }},
	{"the issuer answers with rubbish", func(w *town, _ int) { w.answerWith("answered with rubbish", answeredWith(w.expired)) }},
	{"a request is deleted", func(w *town, arg int) {
		if names := w.names(); len(names) > 0 {
			w.version++
			w.log("request %s is deleted", names[arg%len(names)])
			delete(w.reqs, names[arg%len(names)])
			w.reasons++
		}
	}},
	{"a stored key is deleted", func(w *town, _ int) {
		for name := range w.keys {
			w.version++
			w.log("the stored key %s is deleted", name)
			delete(w.keys, name)
			w.reasons++
		}
	}},
	{"the Secret is deleted", func(w *town, _ int) {
		w.version++
		w.secret = nil
		w.reasons++
		w.log("the Secret is deleted")
	}},
	{"somebody writes into the Secret", (*town).meddle},
	{"somebody keeps writing into the Secret", (*town).quarrel},
	{"another kind of Secret is in its place", func(w *town, _ int) {
		w.secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "web-tls", ResourceVersion: w.nextVersion()},
			Type:       corev1.SecretTypeBasicAuth, Data: map[string][]byte{"username": []byte("u")},
		}
		w.reasons++
		w.log("the Secret is replaced by one of type %s", w.secret.Type)
	}},
	{"a rival comes or goes", func(w *town, arg int) {
		w.version++
		w.rival = arg%2 == 0
		w.log("there is a rival: %t", w.rival)
	}},
	{"a rival has been there", func(w *town, arg int) {
		w.rival = arg%3 != 0
		w.write(w.pairs[0][arg%len(w.pairs[0])][answers], func(s *corev1.Secret) { s.Annotations[certsv1.CertificateNameKey] = "rival" })
		w.log("a rival has written the Secret, and is there: %t", w.rival)
	}},
	{"the program is restarted", func(w *town, _ int) {
		w.log("restart")
		w.memory = recollection{}
	}},
	{"a write is lost", func(w *town, arg int) {
		w.cut = &cut{after: arg % 6, arrives: arg/6%2 == 0, kills: arg/12%2 == 0}
		w.reasons++
	}},
}

func (w *town) variant() int {
	if w.crt.Spec.DNSNames[0] == "a.example" {
		return 0
	}
	return 1
}

// write puts m into the Secret, as another program does.
func (w *town) write(m material, f func(*corev1.Secret)) {
	annotations, err := certs.SecretAnnotations("web", &w.crt.Spec.IssuerRef, m.leaf)
	check(err)
	w.secret = &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: "web-tls", ResourceVersion: w.nextVersion(),
			Labels: map[string]string{certsv1.SecretManagedKey: "true"}, Annotations: annotations,
		},
		Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": m.chain, "tls.key": m.keyPEM},
	}
	f(w.secret)
	w.reasons++
}

// meddle changes what is in the Secret.
func (w *town) meddle(arg int) {
	if w.secret == nil {
		return
	}
	s := w.secret.DeepCopy()
	s.ResourceVersion = w.nextVersion()
	ways := []struct {
		text string
		do   func()
	}{
		{"another pair", func() {
			m := w.pairs[arg/8%2][0][answers]
			s.Data = map[string][]byte{"tls.crt": m.chain, "tls.key": m.keyPEM}
		}},
		{"another key", func() { s.Data["tls.key"] = w.pairs[0][1][0].keyPEM }},
		{"a key that cannot be read", func() { s.Data["tls.key"] = []byte("rubbish") }},
		{"a certificate that cannot be read", func() { s.Data["tls.crt"] = []byte("rubbish") }},
		{"no certificate", func() { delete(s.Data, "tls.crt") }},
		{"nothing", func() { s.Data = nil }},
		{"no labels", func() { s.Labels = nil }},
		{"no annotations", func() { s.Annotations = nil }},
	}
	way := ways[arg%len(ways)]
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	way.do()
	w.secret = s
	w.reasons++
	w.log("somebody writes into the Secret: %s", way.text)
}

// quarrel is with somebody who does not give up; we do.
func (w *town) quarrel(arg int) {
	if arg%5 > 0 {
		return // it takes long
	}
	w.cut = nil
	w.pass()
	before := w.signed
	for range maxAnHour + 2 {
		w.meddle(1)
		w.pass()
		w.answerAll()
		w.pass()
		w.now = w.now.Add(time.Second)
	}
	if n := w.signed - before; n > maxAnHour {
		w.fail("%d signatures in a minute", n)
	}
}

// peace ends all that keeps a Certificate from its certificate.
func (w *town) peace() {
	w.log("peace")
	w.cut, w.password, w.rival = nil, "sesame", false
	if w.secret != nil && w.secret.Type != corev1.SecretTypeTLS {
		w.secret = nil
	}
	w.reasons += 3
}

func (w *town) names() []string { return slices.Sorted(maps.Keys(w.reqs)) }

// open are the requests without an answer.
func (w *town) open() (names []string) {
	for _, name := range w.names() {
		if len(w.reqs[name].Status.Conditions) == 0 {
			names = append(names, name)
		}
	}
	return names
}

// answerAll signs all open requests.
func (w *town) answerAll() {
	for _, name := range w.open() {
		w.sign(name)
	}
}

// answerWith answers all open requests in the same way.
func (w *town) answerWith(text string, answer func(*certsv1.CertificateRequest)) {
	for _, name := range w.open() {
		w.answer(name, answer)
		w.reasons++
		w.log("request %s is %s", name, text)
	}
}

// answer replaces a request by one with an answer.
func (w *town) answer(name string, answer func(*certsv1.CertificateRequest)) {
	r := w.reqs[name].DeepCopy()
	r.ResourceVersion = w.nextVersion()
	answer(r)
	w.reqs[name] = r
}

func (w *town) sign(name string) {
	o := w.asked[string(w.reqs[name].Spec.Request)]
	w.answer(name, answeredWith(w.pairs[o.name][o.key][w.signed%answers]))
	w.signed++
	w.log("request %s is signed", name)
}

// send is one write of the program: it may get lost on the way, or its answer
// may. After a kill nothing arrives.
func (w *town) send(what string, f func()) error {
	switch c := w.cut; {
	case c == nil:
	case c.after > 0:
		c.after--
	case c.after < 0:
		return errCut // dead
	default:
		if c.arrives {
			f()
			w.version++
		}
		w.log("%s: CUT, it arrives: %t, the program is killed: %t", what, c.arrives, c.kills)
		if w.cut = nil; c.kills {
			w.cut = &cut{after: -1}
		}
		return errCut
	}
	f()
	w.version++
	w.log("%s", what)
	return nil
}

// summary is the summary of the Secret, which takes long to make.
func (w *town) summary() *certs.SecretSummary {
	if w.summarized == nil || w.summarized.ResourceVersion != w.secret.ResourceVersion {
		w.summarized = certs.Summarize(w.secret)
		w.summarized.OwnedData = slices.Sorted(maps.Keys(w.secret.Data))
		w.summarized.OwnedLabels = slices.Collect(maps.Keys(w.secret.Labels))
		w.summarized.OwnedAnnotations = slices.Collect(maps.Keys(w.summarized.Annotations))
	}
	return w.summarized
}

// observe is what the shell sees live.
func (w *town) observe() State {
	if w.memory.generation != w.crt.Generation {
		w.memory = recollection{generation: w.crt.Generation}
	}
	s := State{
		Now: w.now, Live: true, Certificate: w.crt, Signer: w.signer, Policy: testPolicy,
		Successes: w.memory.successes, Misfits: w.memory.misfits, Restored: w.memory.restored,
	}
	if w.secret != nil {
		s.Secret = w.summary()
	}
	if len(s.wishes()) > 0 {
		s.Passwords = []Password{{Version: w.password, Missing: w.password == ""}}
		if w.password == "" {
			s.Passwords[0].Problem = "the Secret does not exist"
		}
	}
	for _, name := range w.names() {
		known := w.asked[string(w.reqs[name].Spec.Request)].KnownRequest
		known.Object = w.reqs[name]
		s.Requests = append(s.Requests, known)
	}
	for _, name := range slices.Sorted(maps.Keys(w.keys)) {
		key := stored(w.pairs[0][w.keys[name]][0])
		key.Name, key.UID = name, types.UID(name)
		s.Keys = append(s.Keys, key)
	}
	if w.rival {
		s.Rivals = []Rival{{"rival", w.crt.CreationTimestamp.Add(-time.Hour)}}
	}
	return s
}

// cached is what the caches know of s: nothing that is secret or long.
func cached(s State) State {
	s.Live, s.Signer = false, Slow
	s.Requests, s.Passwords = slices.Clone(s.Requests), slices.Clone(s.Passwords)
	for i, r := range s.Requests {
		trimmed := *r.Object
		trimmed.Status.Certificate, trimmed.Status.CA = nil, nil
		s.Requests[i].Object = &trimmed
	}
	for i := range s.Passwords {
		s.Passwords[i].Missing, s.Passwords[i].Problem = false, ""
	}
	return s
}

// pass is the shell: it decides and takes steps until there is nothing to do
// but wait, or a write is lost, and reports.
func (w *town) pass() {
	err := w.steps()
	if w.cut != nil && w.cut.after < 0 {
		w.cut, w.memory = nil, recollection{}
	}
	w.wake = time.Time{}
	if err == nil {
		w.wake = w.planned
	} else {
		w.wake = w.now.Add(time.Second)
	}
	if n := len(w.open()); n > 1 {
		w.fail("%d requests are open", n)
	}
}

func (w *town) steps() error {
	s := cached(w.observe())
	for range maxSteps {
		d := Decide(s)
		_, waits := d.Step.(Wait)
		if !waits && !s.Live {
			s = w.again(s, w.signer)
			continue
		}
		if err := w.take(&s, d.Step); err != nil {
			// As far as the program lives it reports how things stand.
			return errors.Join(err, w.report(Decide(w.again(s, Slow)).Status))
		}
		if _, ok := d.Step.(IssueNow); ok {
			s = w.again(s, Slow)
			continue
		}
		before := s.Certificate.Status
		s = w.again(s, s.Signer)
		s.Certificate = withStatus(s.Certificate, d.Status)
		if waits && equality.Semantic.DeepEqual(before, d.Status) {
			w.planned = d.Wake
			return w.report(d.Status)
		}
	}
	panic("no end of steps")
}

func withStatus(c *certsv1.Certificate, status certsv1.CertificateStatus) *certsv1.Certificate {
	out := *c
	out.Status = status
	return &out
}

func (w *town) report(status certsv1.CertificateStatus) error {
	if equality.Semantic.DeepEqual(w.crt.Status, status) {
		return nil
	}
	return w.send("report", func() { w.crt = withStatus(w.crt, status) })
}

// again looks at the town after a step, but keeps what is not reported yet.
func (w *town) again(s State, signer Signer) State {
	next := w.observe()
	next.Certificate, next.Signer = withStatus(next.Certificate, s.Certificate.Status), signer
	return next
}

// take performs step.
func (w *town) take(s *State, step Step) error {
	switch step := step.(type) {
	case Wait:
		return nil
	case IssueNow:
		return w.issueNow(s, step)
	case StoreKey:
		k := w.key(step.Keep)
		return w.send(step.String(), func() { w.keys[step.Name] = k })
	case Request:
		return w.ask(newRequest(w.crt, step.Revision, step.Key, w.pairs[w.variant()][w.keys[step.Key]][0].csr, nil))
	case Discard:
		if step.Misfit {
			w.memory.misfitted(w.now)
		}
		return w.send(step.String(), func() {
			if step.Kind == kindSecret {
				delete(w.keys, step.Name)
			} else {
				delete(w.reqs, step.Name)
			}
		})
	case Store:
		c, err := issuedContent(w.crt, w.reqs[step.Request], w.pairs[0][w.keyIn(step.Key)][0].key)
		check(err)
		return w.store(s, c)
	case StoreTemporary:
		if s.usable() {
			w.fail("a usable pair is overwritten with a temporary certificate")
		}
		i := slices.IndexFunc(s.Requests, func(r KnownRequest) bool { return r.Object.Name == step.Request })
		c, err := temporaryContent(w.crt, s.Requests[i], w.pairs[0][w.keyIn(step.Key)][0].key, w.now)
		check(err)
		return w.apply(s, c, nil)
	case Restore:
		c, err := s.presentContent(w.secret)
		check(err)
		if err := w.apply(s, c, w.secret); err != nil {
			return err
		}
		after := w.observe()
		w.memory.restored = after.likeness()
		return nil
	default:
		panic(fmt.Sprintf("no step %T", step))
	}
}

func (w *town) issueNow(s *State, step IssueNow) error {
	k := w.key(step.Keep)
	r := newRequest(w.crt, step.Revision, step.KeySecret, w.pairs[w.variant()][k][0].csr, nil)
	if err := w.ask(r); err != nil {
		return err
	}
	err := w.send("answer "+r.Name, func() { w.sign(r.Name) })
	if err == nil {
		var c content
		c, err = issuedContent(w.crt, w.reqs[r.Name], w.pairs[0][k][0].key)
		check(err)
		err = w.store(s, c)
	}
	if err != nil {
		_ = w.send("store the key after all", func() { w.keys[step.KeySecret] = k })
	}
	return err
}

// key is the key that is kept, or a new one.
func (w *town) key(keep bool) int {
	if keep {
		return w.keyIn("")
	}
	w.nextKey = (w.nextKey + 1) % len(w.pairs[0])
	return w.nextKey
}

// keyIn is the key in a Secret, the target if name is empty.
func (w *town) keyIn(name string) int {
	if name != "" {
		return w.keys[name]
	}
	for k, m := range w.pairs[0] {
		if string(m[0].keyPEM) == string(w.secret.Data["tls.key"]) {
			return k
		}
	}
	panic("a key from nowhere")
}

func (w *town) ask(r *certsv1.CertificateRequest) error {
	if w.reqs[r.Name] != nil {
		panic("request " + r.Name + " is there already")
	}
	r.ResourceVersion = w.nextVersion()
	r.UID, r.CreationTimestamp = types.UID("uid-"+r.ResourceVersion), metav1.NewTime(w.now)
	return w.send("create "+r.Name, func() { w.reqs[r.Name] = r })
}

// store writes a new certificate into the Secret.
func (w *town) store(s *State, c content) error {
	if err := w.apply(s, c, nil); err != nil {
		return err
	}
	w.memory.succeeded(w.now)
	return nil
}

func (w *town) apply(s *State, c content, present *corev1.Secret) error {
	if w.rival && (w.secret == nil || w.secret.Annotations[certsv1.CertificateNameKey] != "web") {
		w.fail("the Secret of a rival is overwritten")
	}
	if _, bad := s.foreign(); bad {
		w.fail("a foreign Secret is overwritten")
	}
	c, err := s.withKeystores(c, present, [][]byte{[]byte(w.password)})
	check(err)
	data := map[string][]byte{"tls.crt": c.chain, "tls.key": c.key}
	maps.Copy(data, c.keystores)
	return w.send("apply the Secret", func() {
		w.secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "team", Name: "web-tls", ResourceVersion: w.nextVersion(),
				Labels: map[string]string{certsv1.SecretManagedKey: "true"}, Annotations: c.annotations,
			},
			Type: corev1.SecretTypeTLS, Data: data,
		}
	})
}
