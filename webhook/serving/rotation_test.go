package serving

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
)

// cluster is a Secret and two configurations in memory, with the optimistic
// locks that the API server has.
type cluster struct {
	clock    *clocktesting.FakePassiveClock
	secret   *corev1.Secret
	versions int
	configs  map[string]*config
}

type config struct {
	version int
	bundles [2]Bundle
	// past is what the configuration trusted before, newest last.
	past []past
}

type past struct {
	until   time.Time
	bundles [2]Bundle
}

// replica is a Keeper without its client.
type replica struct {
	*Keeper
	state  State
	secret *corev1.Secret
	read   map[string]int // versions of the configurations
	step   Step
	// invited is true once it was ready: from then on API servers ask it,
	// whatever it says later.
	invited bool
	// asleep until then it does nothing, but serves.
	asleep time.Time
}

func (c *cluster) start(cfg Config) *replica {
	cfg.Clock = c.clock
	return &replica{Keeper: New(cfg)}
}

// observe is what Keeper.observe does with a client.
func (r *replica) observe(c *cluster) {
	v := r.now.Load()
	r.state = State{Now: r.wallTime(), Leaf: v.leaf, LeafDuration: r.cfg.LeafDuration, Spread: r.cfg.Spread}
	if len(v.issuer) > 0 {
		r.state.Issuer = v.issuer[0]
	}
	r.secret = nil
	if c.secret != nil {
		r.secret = c.secret.DeepCopy()
	}
	readSecret(r.secret, &r.state)
	r.read = map[string]int{}
	for _, name := range []string{"M", "V"} {
		config := c.configs[name]
		r.read[name] = config.version
		for i, b := range config.bundles {
			r.state.Entries = append(r.state.Entries, Entry{Configuration: name, Index: i, Bundle: b, Clean: true})
		}
	}
	r.notice(&r.state)
	r.step = Decide(r.state)
	r.report(&r.state)
}

// take performs the step on what was observed, which may be some time ago.
func (r *replica) take(t *testing.T, c *cluster) {
	t.Helper()
	write := func(secret *corev1.Secret) {
		if (r.secret == nil) != (c.secret == nil) || r.secret != nil && r.secret.ResourceVersion != c.secret.ResourceVersion {
			return // conflict, or already exists
		}
		c.versions++
		secret.ResourceVersion = fmt.Sprint(c.versions)
		c.secret = secret
	}
	switch step := r.step.(type) {
	case StoreCA:
		ca, err := NewAuthority(r.state.Now, r.cfg.CADuration)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := caSecret(r.secret, "certs", SecretName, ca, step.Retired, step.RetiredUntil)
		if err != nil {
			t.Fatal(err)
		}
		write(secret)
	case Remember:
		secret := r.secret.DeepCopy()
		setRetired(secret, step.Retired, step.RetiredUntil)
		write(secret)
	case Publish:
		for _, entry := range step.Entries {
			config := c.configs[entry.Configuration]
			if config.version == r.read[entry.Configuration] {
				c.publish(entry.Configuration, entry.Index, step.Bundle)
				config.version--
			}
		}
		for _, entry := range step.Entries {
			c.configs[entry.Configuration].version++
		}
	case IssueLeaf:
		leaf, err := r.state.CA.Leaf(r.state.Now, r.cfg.LeafDuration, []string{"svc"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := *r.now.Load()
		v.leaf, v.issuer = leaf, Bundle{r.state.CA.Certificate}
		r.now.Store(&v)
	}
}

func (c *cluster) publish(name string, entry int, b Bundle) {
	config := c.configs[name]
	config.past = append(config.past, past{until: c.clock.Now(), bundles: config.bundles})
	if len(config.past) > 64 {
		config.past = config.past[32:]
	}
	config.bundles[entry] = b
	config.version++
}

// believed are all bundles that an API server may go by: what is published, and
// what was within the last lag.
func (c *cluster) believed(lag time.Duration) []Bundle {
	var out []Bundle
	for _, config := range c.configs {
		out = append(out, config.bundles[:]...)
		for _, p := range config.past {
			if c.clock.Since(p.until) < lag {
				out = append(out, p.bundles[:]...)
			}
		}
	}
	return out
}

// TestRotationRefusesNobody plays months in which replicas start, stall and stop, the
// CA ages and the Secret is lost, with steps that come late and out of order.
// At no moment does a replica that was ever ready serve what an API server may
// distrust.
func TestRotationRefusesNobody(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			c := &cluster{clock: clocktesting.NewFakePassiveClock(noon), configs: map[string]*config{"M": {}, "V": {}}}
			cfg := Config{CADuration: 10 * time.Hour, LeafDuration: time.Hour, Spread: 30 * time.Second}
			replicas := []*replica{c.start(cfg), c.start(cfg), c.start(cfg)}
			authorities, ready := map[digest]bool{}, 0
			for range 4000 {
				c.clock.SetTime(c.clock.Now().Add(time.Duration(random.IntN(30)) * time.Second))
				i := random.IntN(len(replicas))
				switch r := replicas[i]; random.IntN(400) {
				case 0:
					replicas[i] = c.start(cfg) // crashed and started again
				case 1:
					c.secret = nil // somebody deleted it
				case 2:
					r.asleep = c.clock.Now().Add(15 * time.Minute)
				default:
					if c.clock.Now().Before(r.asleep) {
						break
					}
					if r.step == nil || random.IntN(4) > 0 {
						r.observe(c)
					} // else it acts on what it saw some time ago
					r.take(t, c)
					r.step = nil
				}
				if c.secret != nil {
					authorities[sha256.Sum256(c.secret.Data["ca.crt"])] = true
				}
				for _, r := range replicas {
					r.invited = r.invited || r.Ready() == nil
					if !r.invited {
						continue
					}
					ready++
					v := r.now.Load()
					if !c.clock.Now().Before(v.leaf.Leaf.NotAfter) {
						t.Fatalf("at %v: a replica serves a leaf that ended at %v", c.clock.Now(), v.leaf.Leaf.NotAfter)
					}
					for _, b := range c.believed(readyAfter) {
						if !b.Has(v.issuer[0]) {
							t.Fatalf("at %v: a replica serves what an API server distrusts", c.clock.Now())
						}
					}
				}
			}
			if len(authorities) < 3 || ready < 4000 {
				t.Errorf("%d CAs, %d times ready: nothing much was tried", len(authorities), ready)
			}
			// Left alone, all agree.
			for range 400 {
				c.clock.SetTime(c.clock.Now().Add(15 * time.Second))
				for _, r := range replicas {
					r.observe(c)
					r.take(t, c)
				}
			}
			for i, r := range replicas {
				if err := r.Ready(); err != nil {
					t.Errorf("replica %d is not ready in the end: %v", i, err)
				}
				if _, settled := r.step.(Wait); !settled {
					t.Errorf("replica %d never comes to rest: %v", i, r.step)
				}
			}
			if n := len(c.configs["M"].bundles[0]); n != 1 {
				t.Errorf("%d CAs are trusted in the end", n)
			}
		})
	}
}
