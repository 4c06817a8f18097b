package serving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// The lifetimes unless configured otherwise.
const (
	DefaultCADuration   = 365 * 24 * time.Hour
	DefaultLeafDuration = 7 * 24 * time.Hour
	// DefaultSpread is twice the 30 s that an API server gives a review: one
	// that it began before it noticed the new bundle may connect to us that
	// much later. Until it is over, the old leaf serves.
	DefaultSpread = time.Minute
)

const (
	// readyAfter is how long API servers get before the first request is
	// invited. Later changes wait for Config.Spread.
	readyAfter = time.Second
	// lookEvery is how often the wall clock and the cluster are looked at even
	// if nothing happens: timers stand still while a machine is suspended.
	lookEvery = time.Minute
	// retryAfter is the pause after an error.
	retryAfter = time.Second
	// passTimeout bounds one pass.
	passTimeout = 30 * time.Second
)

// Config says whose certificate to keep.
type Config struct {
	// Client reads and writes the Secret and the two configurations, live.
	Client client.WithWatch
	// Namespace and SecretName are where the CA is kept.
	Namespace, SecretName string
	// Configurations is the name of both webhook configurations.
	Configurations string
	// DNSNames and IPs are what the API server may call us.
	DNSNames []string
	IPs      []net.IP
	// CADuration and LeafDuration are the lifetimes. Zero is the default.
	CADuration, LeafDuration time.Duration
	// Spread is how long API servers get to notice a new CA before it is used.
	// Zero is the default.
	Spread time.Duration
	// Clock tells the wall time. Nil is the real one.
	Clock clock.PassiveClock
}

// ServiceNames are the names under which the API server calls a Service.
func ServiceNames(service, namespace string) []string {
	return []string{service, service + "." + namespace, service + "." + namespace + ".svc"}
}

// Keeper keeps the serving certificate of one replica.
type Keeper struct {
	cfg  Config
	poke chan struct{}

	// now is what we serve and what the last pass saw; replaced as a whole.
	now atomic.Pointer[view]
	// seen is true once a pass has read the configurations.
	seen bool
	// since says for each CA, by digest, since when every entry trusts it.
	since map[digest]time.Time
}

type digest [sha256.Size]byte

// view is what others may see of a Keeper.
type view struct {
	leaf      *tls.Certificate
	issuer    Bundle // the CA of leaf
	bundle    Bundle // what the entries should trust
	readyFrom time.Time
	problem   error
}

// New returns a Keeper. It does nothing until it is run.
func New(cfg Config) *Keeper {
	if cfg.CADuration == 0 {
		cfg.CADuration = DefaultCADuration
	}
	if cfg.LeafDuration == 0 {
		cfg.LeafDuration = DefaultLeafDuration
	}
	if cfg.Spread == 0 {
		cfg.Spread = DefaultSpread
	}
	if cfg.SecretName == "" {
		cfg.SecretName = SecretName
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	k := &Keeper{cfg: cfg, poke: make(chan struct{}, 1), since: map[digest]time.Time{}}
	k.now.Store(&view{problem: errors.New("the serving certificate has not been made yet")})
	return k
}

// GetCertificate returns the leaf, for tls.Config.
func (k *Keeper) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if leaf := k.now.Load().leaf; leaf != nil {
		return leaf, nil
	}
	return nil, errors.New("there is no serving certificate yet")
}

// Ready returns nil once the API server can reach us: we serve a leaf, and
// both configurations trust its CA.
func (k *Keeper) Ready() error {
	v := k.now.Load()
	switch {
	case v.problem != nil:
		return v.problem
	case k.wallTime().Before(v.readyFrom):
		return errors.New("the API servers are about to notice our CA")
	}
	return nil
}

// CABundle returns, as PEM, what the configurations should trust. It is empty
// before the CA is known.
func (k *Keeper) CABundle() []byte { return k.now.Load().bundle.PEM() }

// NotAfter returns when the leaf ends. It is zero before there is one.
func (k *Keeper) NotAfter() time.Time {
	if leaf := k.now.Load().leaf; leaf != nil {
		return leaf.Leaf.NotAfter
	}
	return time.Time{}
}

// Run keeps the certificate until ctx ends. Errors are logged and tried again.
func (k *Keeper) Run(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("serving")
	ctx = log.IntoContext(ctx, logger)
	for _, w := range k.watches() {
		go k.watch(ctx, w)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-k.poke:
		}
		pause, err := k.pass(ctx)
		if err != nil && ctx.Err() == nil {
			logger.Error(err, "could not keep the serving certificate, trying again")
			if v := *k.now.Load(); v.leaf == nil {
				v.problem = fmt.Errorf("there is no serving certificate: %w", err)
				k.now.Store(&v)
			}
		}
		timer.Reset(pause)
	}
}

// pass takes steps until there is nothing to do, and returns when to look
// again. It never takes more steps than a full rotation has.
func (k *Keeper) pass(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	for range 12 {
		state, secret, err := k.observe(ctx)
		if err != nil {
			return retryAfter, fmt.Errorf("observe: %w", err)
		}
		step := Decide(state)
		log.FromContext(ctx).V(1).Info("decided", "step", step.String())
		if wait, ok := step.(Wait); ok {
			k.report(&state)
			return min(max(wait.Until.Sub(state.Now), time.Second), lookEvery), nil
		}
		if err := k.take(ctx, &state, secret, step); err != nil {
			if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
				continue // another replica was faster: look again
			}
			k.report(&state)
			return retryAfter, fmt.Errorf("%s: %w", step, err)
		}
	}
	return retryAfter, nil
}

// observe reads the Secret first: a change behind our back then shows as a
// conflict when we write it.
func (k *Keeper) observe(ctx context.Context) (State, *corev1.Secret, error) {
	v := k.now.Load()
	state := State{Now: k.wallTime(), Leaf: v.leaf, LeafDuration: k.cfg.LeafDuration, Spread: k.cfg.Spread}
	if len(v.issuer) > 0 {
		state.Issuer = v.issuer[0]
	}
	secret := &corev1.Secret{}
	err := k.cfg.Client.Get(ctx, client.ObjectKey{Namespace: k.cfg.Namespace, Name: k.cfg.SecretName}, secret)
	switch {
	case apierrors.IsNotFound(err):
		secret = nil
	case err != nil:
		return State{}, nil, err
	}
	readSecret(secret, &state)

	for _, object := range k.objects() {
		err := k.cfg.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		switch {
		case apierrors.IsNotFound(err):
			state.Missing = append(state.Missing, kindOf(object))
		case err != nil:
			return State{}, nil, err
		default:
			state.Entries = append(state.Entries, entries(object)...)
		}
	}
	k.notice(&state)
	return state, secret, nil
}

// notice keeps account of since when which CA is trusted everywhere.
func (k *Keeper) notice(s *State) {
	since := map[digest]time.Time{}
	if len(s.Missing) == 0 && len(s.Entries) > 0 {
		for _, crt := range s.Entries[0].Bundle {
			if !trustedBy(s.Entries, crt.Raw) {
				continue
			}
			d := digest(sha256.Sum256(crt.Raw))
			since[d] = s.Now
			if at, ok := k.since[d]; ok {
				since[d] = at
			} else if !k.seen {
				// It was there before us: the API servers know it.
				since[d] = s.Now.Add(-k.cfg.Spread)
			}
		}
	}
	k.since, k.seen = since, true
	if s.CA != nil {
		s.Published = since[sha256.Sum256(s.CA.Certificate.Raw)]
	}
}

func trustedBy(entries []Entry, raw []byte) bool {
	for _, entry := range entries {
		found := false
		for _, crt := range entry.Bundle {
			found = found || bytes.Equal(crt.Raw, raw)
		}
		if !found {
			return false
		}
	}
	return true
}

// take performs step.
func (k *Keeper) take(ctx context.Context, s *State, secret *corev1.Secret, step Step) error {
	logger := log.FromContext(ctx)
	switch step := step.(type) {
	case StoreCA:
		ca, err := NewAuthority(s.Now, k.cfg.CADuration)
		if err != nil {
			return err
		}
		updated, err := caSecret(secret, k.cfg.Namespace, k.cfg.SecretName, ca, step.Retired, step.RetiredUntil)
		if err != nil {
			return err
		}
		if secret == nil {
			err = k.cfg.Client.Create(ctx, updated)
		} else {
			err = k.cfg.Client.Update(ctx, updated)
		}
		if err == nil {
			logger.Info("stored a new CA", "reason", step.Reason, "secret", client.ObjectKeyFromObject(updated), "notAfter", ca.Certificate.NotAfter)
		}
		return err
	case Remember:
		updated := secret.DeepCopy()
		setRetired(updated, step.Retired, step.RetiredUntil)
		return k.cfg.Client.Update(ctx, updated)
	case Publish:
		return k.publish(ctx, step)
	case IssueLeaf:
		leaf, err := s.CA.Leaf(s.Now, k.cfg.LeafDuration, k.cfg.DNSNames, k.cfg.IPs)
		if err != nil {
			return err
		}
		v := *k.now.Load()
		v.leaf, v.issuer = leaf, Bundle{s.CA.Certificate}
		k.now.Store(&v)
		logger.Info("issued the serving certificate", "reason", step.Reason, "notAfter", leaf.Leaf.NotAfter)
		return nil
	default:
		panic(fmt.Sprintf("serving: no way to take step %T", step))
	}
}

// report tells others what the pass came to.
func (k *Keeper) report(s *State) {
	v := *k.now.Load()
	v.problem = nil
	if s.CA != nil {
		v.bundle = s.Trusted()
	}
	switch {
	case v.leaf == nil:
		v.problem = errors.New("there is no serving certificate: the CA: " + s.Damage)
	case len(s.Missing) > 0:
		v.problem = fmt.Errorf("%s %q does not exist", strings.Join(s.Missing, " and "), k.cfg.Configurations)
	case !trustedBy(s.Entries, v.issuer[0].Raw):
		v.problem = fmt.Errorf("the webhook configurations %q do not trust our CA yet", k.cfg.Configurations)
	case v.readyFrom.IsZero():
		v.readyFrom = k.since[sha256.Sum256(v.issuer[0].Raw)].Add(min(k.cfg.Spread, readyAfter))
	}
	k.now.Store(&v)
}

// wallTime has no monotonic part: a suspended machine must not stop it.
func (k *Keeper) wallTime() time.Time { return k.cfg.Clock.Now().Round(0) }

// objects are the two configurations, with nothing but their names.
func (k *Keeper) objects() []client.Object {
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	mutating.Name = k.cfg.Configurations
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	validating.Name = k.cfg.Configurations
	return []client.Object{mutating, validating}
}
