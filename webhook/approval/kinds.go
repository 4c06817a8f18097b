package approval

import (
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
)

// missesLast is how long we believe that a kind is not served. It is short: an
// administrator may be installing the issuer just now.
const missesLast = 30 * time.Second

// maxMisses bounds what requests with invented kinds can make us remember.
const maxMisses = 1024

// A Mapper knows how the API server serves a kind; meta.RESTMapper does.
type Mapper interface {
	RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error)
}

// kinds remembers what the Mapper said: what is served for ever, what is not
// served for missesLast.
type kinds struct {
	mapper Mapper
	clock  clock.PassiveClock

	mu     sync.Mutex
	served map[schema.GroupKind]signer
	misses map[schema.GroupKind]time.Time
}

// signer is how signers of one kind are named.
type signer struct {
	// resource is <plural>.<group>.
	resource   string
	namespaced bool
}

// lookup returns how signers of that kind are named; ok is false if the API
// server does not know the kind. An error means that it could not be asked.
func (k *kinds) lookup(kind schema.GroupKind) (_ signer, ok bool, err error) {
	now := k.clock.Now()
	k.mu.Lock()
	found, served := k.served[kind]
	missed, known := k.misses[kind]
	k.mu.Unlock()
	if served {
		return found, true, nil
	}
	if known && now.Sub(missed) < missesLast {
		return signer{}, false, nil
	}

	mapping, err := k.mapper.RESTMapping(kind)
	if err != nil && !meta.IsNoMatchError(err) {
		return signer{}, false, fmt.Errorf("look up kind %s: %w", kind, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		if len(k.misses) >= maxMisses {
			clear(k.misses)
		}
		k.misses[kind] = now
		return signer{}, false, nil
	}
	delete(k.misses, kind)
	found = signer{
		resource:   schema.GroupResource{Group: kind.Group, Resource: mapping.Resource.Resource}.String(),
		namespaced: mapping.Scope.Name() == meta.RESTScopeNameNamespace,
	}
	k.served[kind] = found
	return found, true, nil
}
