package ingress

import (
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
		byHost: func(obj any) ([]string, error) {
			ing := obj.(*networkingv1.Ingress)
			if !Served(ing, class) {
				return nil, nil
			}
			return ruleHosts(ing), nil
		},
		byTLSHost: func(obj any) ([]string, error) {
			ing := obj.(*networkingv1.Ingress)
			var hosts []string
			if Served(ing, class) {
				for _, entry := range ing.Spec.TLS {
					hosts = append(hosts, tlsHosts(ing, entry)...)
				}
			}
			slices.Sort(hosts)
			return slices.Compact(hosts), nil
		},
	}
}

func sliceIndexers() cache.Indexers {
	return cache.Indexers{byService: func(obj any) ([]string, error) {
		s := obj.(*discoveryv1.EndpointSlice)
		return []string{s.Namespace + "/" + s.Labels[discoveryv1.LabelServiceName]}, nil
	}}
}

// indexed are the objects of store under any of keys, each once.
func indexed[T comparable](store cache.Indexer, index string, keys ...string) []T {
	var out []T
	for _, key := range keys {
		// The only error is an index that we did not define.
		objs, _ := store.ByIndex(index, key)
		for _, obj := range objs {
			if o := obj.(T); !slices.Contains(out, o) {
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
	obj, ok, err := v.services.GetByKey(b.Namespace + "/" + b.Service)
	if err != nil || !ok {
		return nil
	}
	return Endpoints(obj.(*corev1.Service), b.Port,
		indexed[*discoveryv1.EndpointSlice](v.slices, byService, b.Namespace+"/"+b.Service))
}

// tlsSecrets are the Secrets for serverName that exist, best first.
func (v *view) tlsSecrets(serverName string) []*corev1.Secret {
	var out []*corev1.Secret
	for _, name := range Secrets(indexed[*networkingv1.Ingress](v.ingresses, byTLSHost, patterns(serverName)...), serverName) {
		if obj, ok, err := v.secrets.GetByKey(name.String()); err == nil && ok {
			out = append(out, obj.(*corev1.Secret))
		}
	}
	return out
}

// hasTLS tells whether some Ingress asks for TLS for host.
func (v *view) hasTLS(host string) bool {
	return len(indexed[*networkingv1.Ingress](v.ingresses, byTLSHost, patterns(host)...)) > 0
}
