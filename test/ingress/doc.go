// Package ingress is a small real ingress controller and its data plane in one
// process, for tests and the demo. It exists because "the certificate is issued"
// is only worth something when a TLS handshake shows it, and because HTTP-01
// works only if a second Ingress really takes over one path of a host that is
// already served.
//
// It follows Ingress, Service, EndpointSlice and Secret through informers and
// looks everything up per request, so a change counts as soon as it arrives
// (a few milliseconds). It promises:
//
//   - TLS by SNI from the Secrets of spec.tls: the exact host first, then the
//     wildcard, then an entry without hosts; of several Ingresses the oldest one
//     whose Secret holds a usable pair. Without any, a self-signed certificate
//     named FallbackName.
//   - Routing by host (exact, wildcard, none) and path (Exact, Prefix by
//     elements, ImplementationSpecific as Prefix): an exact path wins, then the
//     longest prefix, then the oldest Ingress. All Ingresses of a host merge.
//     A host none of whose paths match falls through to the wildcard, then to
//     rules without host, as the API's text has it.
//   - Back ends from Service and EndpointSlice: ready endpoints with the port's
//     name, in turn. 404 without a route, 503 without endpoints, 502 when the
//     back end fails.
//   - Only Ingresses of its class, or of none.
//
// It does not write status, resolve ExternalName Services, or read annotations
// other than the old class one.
//
// # Addresses
//
// The API server refuses loopback addresses in EndpointSlices. 192.0.2.0/24
// stands for the node network instead, and Loopback is the one place that says
// what it means: 192.0.2.N is 127.0.0.N.
//
// # Permissions
//
//	apiGroups: [""]                   resources: [services, secrets]  verbs: [list, watch]
//	apiGroups: [discovery.k8s.io]     resources: [endpointslices]     verbs: [list, watch]
//	apiGroups: [networking.k8s.io]    resources: [ingresses]          verbs: [list, watch]
package ingress
