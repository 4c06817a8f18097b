package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func kindOf(object client.Object) string {
	switch object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		return "MutatingWebhookConfiguration"
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		return "ValidatingWebhookConfiguration"
	default:
		return fmt.Sprintf("%T", object)
	}
}

// entries lists the webhooks of a configuration.
func entries(object client.Object) []Entry {
	var out []Entry
	add := func(index int, name string, client *admissionregistrationv1.WebhookClientConfig) {
		bundle := ParseBundle(client.CABundle)
		out = append(out, Entry{
			Configuration: kindOf(object), ResourceVersion: object.GetResourceVersion(), Index: index, Name: name,
			Bundle: bundle, Clean: bytes.Equal(bundle.PEM(), client.CABundle),
		})
	}
	switch c := object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			add(i, c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
		}
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			add(i, c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
		}
	}
	return out
}

// operation is one operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// publish writes the bundle to the stale entries, one patch for each
// configuration. The patch fails, and the next pass looks again, if somebody
// else has written the configuration since.
func (k *Keeper) publish(ctx context.Context, p Publish) error {
	var errs []error
	for _, object := range k.objects() {
		var patch []operation
		for _, entry := range p.Entries {
			if entry.Configuration != kindOf(object) {
				continue
			}
			if len(patch) == 0 {
				patch = append(patch, operation{"replace", "/metadata/resourceVersion", entry.ResourceVersion})
			}
			at := fmt.Sprintf("/webhooks/%d", entry.Index)
			patch = append(patch,
				operation{"test", at + "/name", entry.Name},
				operation{"add", at + "/clientConfig/caBundle", p.Bundle.PEM()})
		}
		if len(patch) == 0 {
			continue
		}
		data, err := json.Marshal(patch)
		if err != nil {
			return err
		}
		if err := k.cfg.Client.Patch(ctx, object, client.RawPatch(types.JSONPatchType, data)); err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", kindOf(object), k.cfg.Configurations, err))
			continue
		}
		log.FromContext(ctx).Info("published our CA", "kind", kindOf(object), "name", k.cfg.Configurations, "authorities", len(p.Bundle))
	}
	return errors.Join(errs...)
}

// A watched object is one by name.
type watched struct {
	list client.ObjectList
	opts []client.ListOption
}

// watches are the three objects whose change makes us look.
func (k *Keeper) watches() []watched {
	named := func(name string) client.ListOption {
		return client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", name)}
	}
	return []watched{
		{&corev1.SecretList{}, []client.ListOption{client.InNamespace(k.cfg.Namespace), named(k.cfg.SecretName)}},
		{&admissionregistrationv1.MutatingWebhookConfigurationList{}, []client.ListOption{named(k.cfg.Configurations)}},
		{&admissionregistrationv1.ValidatingWebhookConfigurationList{}, []client.ListOption{named(k.cfg.Configurations)}},
	}
}

// watch pokes the Keeper whenever the object changes. A watch that breaks or
// is not allowed is tried again; until then the Keeper looks by the clock.
func (k *Keeper) watch(ctx context.Context, object watched) {
	pause := time.Second
	for ctx.Err() == nil {
		w, err := k.cfg.Client.Watch(ctx, object.list, object.opts...)
		if err != nil {
			log.FromContext(ctx).V(1).Info("cannot watch", "object", fmt.Sprintf("%T", object.list), "err", err.Error())
		} else {
			k.wake() // what changed before the watch began
			for range w.ResultChan() {
				pause = time.Second
				k.wake()
			}
			w.Stop()
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lookEvery)
	}
}

// wake makes the Keeper look now, or once more if it is looking already.
func (k *Keeper) wake() {
	select {
	case k.poke <- struct{}{}:
	default:
	}
}
