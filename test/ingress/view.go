package ingress

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// Names of the indexes.
const (
	byHost    = "rule host"
	byTLSHost = "tls host"
	byService = "service"
)

// A view is what we know of the cluster. Its stores are the informers' own.
type view struct {
	ingresses, services, slices, secrets cache.Indexer
}

func ingressIndexers(class string) cache.Indexers {
	return cache.Indexers{
		byHost: keysOf(func(ing *networkingv1.Ingress) []string {
			if !Served(ing, class) {
				return nil
			}
			return ruleHosts(ing)
		}),
		byTLSHost: keysOf(func(ing *networkingv1.Ingress) []string {
			var hosts []string
			if Served(ing, class) {
				for _, entry := range ing.Spec.TLS {
					hosts = append(hosts, tlsHosts(ing, entry)...)
				}
			}
			slices.Sort(hosts)
			return slices.Compact(hosts)
		}),
	}
}

func sliceIndexers() cache.Indexers {
	return cache.Indexers{byService: keysOf(func(s *discoveryv1.EndpointSlice) []string {
		return []string{s.Namespace + "/" + s.Labels[discoveryv1.LabelServiceName]}
	})}
}

// keysOf indexes a store of Ts by the keys of each.
func keysOf[T any](keys func(T) []string) cache.IndexFunc {
	return func(obj any) ([]string, error) {
		o, ok := obj.(T)
		if !ok {
			return nil, fmt.Errorf("index: unexpected %T", obj)
		}
		return keys(o), nil
	}
}

// indexed are the objects of store under any of keys, each once.
func indexed[T comparable](store cache.Indexer, index string, keys ...string) []T {
	var out []T
	for _, key := range keys {
		// The only error is an index that we did not define.
		objs, _ := store.ByIndex(index, key)
		for _, obj := range objs {
			if o, ok := obj.(T); ok && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}

// route finds the back end for a request.
func (v *view) route(host, path string) (Backend, bool) {
	return Match(indexed[*networkingv1.Ingress](v.ingresses, byHost, patterns(host)...), host, path)
}

// endpoints are the addresses behind b.
func (v *view) endpoints(b Backend) []string {
	obj, _, err := v.services.GetByKey(b.Namespace + "/" + b.Service)
	service, ok := obj.(*corev1.Service)
	if err != nil || !ok {
		return nil
	}
	return Endpoints(service, b.Port,
		indexed[*discoveryv1.EndpointSlice](v.slices, byService, b.Namespace+"/"+b.Service))
}

// tlsSecrets are the Secrets for serverName that exist, best first.
func (v *view) tlsSecrets(serverName string) []*corev1.Secret {
	var out []*corev1.Secret
	for _, name := range Secrets(indexed[*networkingv1.Ingress](v.ingresses, byTLSHost, patterns(serverName)...), serverName) {
		obj, _, err := v.secrets.GetByKey(name.String())
		if secret, ok := obj.(*corev1.Secret); err == nil && ok {
			out = append(out, secret)
		}
	}
	return out
}

// hasTLS tells whether some Ingress asks for TLS for host.
func (v *view) hasTLS(host string) bool {
	return len(indexed[*networkingv1.Ingress](v.ingresses, byTLSHost, patterns(host)...)) > 0
}
