//go:build linux

package controlplane

import "fmt"

// The names of the servers: the supervisor runs its own binary by these names,
// and main must then be that server. They are also the names of the logs.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

// Addresses of the cluster's own world. Nothing listens there but the API
// server, by way of advertisedAddress in the Endpoints of the Service
// kubernetes: loopback addresses are not allowed in EndpointSlices, and
// 192.0.2.0/24 stands for the node network (see the package documentation).
const (
	serviceRange      = "10.0.0.0/24"
	serviceAddress    = "10.0.0.1" // of the Service kubernetes: the first of the range
	advertisedAddress = "192.0.2.1"
	frontProxyName    = "front-proxy-client"
)

// endpoints are the ports of one run.
type endpoints struct{ apiServer, etcd int }

func (e endpoints) serverURL() string { return fmt.Sprintf("https://127.0.0.1:%d", e.apiServer) }
func (e endpoints) etcdURL() string   { return fmt.Sprintf("http://127.0.0.1:%d", e.etcd) }

func etcdArgs(d dir, e endpoints) []string {
	// A single member never calls its peer address, so any port will do.
	const peer = "http://127.0.0.1:0"
	return []string{
		"--name=devcluster",
		"--data-dir=" + d.file("etcd"),
		"--listen-client-urls=" + e.etcdURL(),
		"--advertise-client-urls=" + e.etcdURL(),
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=devcluster=" + peer,
		"--unsafe-no-fsync",
		// The only member elects itself as soon as it may: after a second by default.
		"--heartbeat-interval=20",
		"--election-timeout=100",
		fmt.Sprintf("--quota-backend-bytes=%d", 4<<30),
	}
}

func apiServerArgs(d dir, e endpoints, extra []string) []string {
	return append([]string{
		"--etcd-servers=" + e.etcdURL(),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", e.apiServer),
		"--advertise-address=" + advertisedAddress,
		"--external-hostname=127.0.0.1", // where the service account issuer says that its keys are
		"--tls-cert-file=" + d.pki("apiserver.crt"),
		"--tls-private-key-file=" + d.pki("apiserver.key"),
		"--client-ca-file=" + d.pki("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + d.pki("service-account.pub"),
		"--service-account-signing-key-file=" + d.pki("service-account.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		// Beside the defaults; on in many clusters, and the one that shows a
		// missing permission on finalizers.
		"--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
		"--requestheader-client-ca-file=" + d.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=" + frontProxyName,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + d.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + d.pki("front-proxy-client.key"),
		"--allow-privileged=true",
		"--profiling=false",
		"--v=1",
	}, extra...)
}

func controllerManagerArgs(d dir) []string {
	return []string{
		"--kubeconfig=" + d.pki(controllerManagerKubeconfig),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + d.pki("service-account.key"),
		"--root-ca-file=" + d.pki("ca.crt"),
		"--cluster-signing-cert-file=" + d.pki("ca.crt"),
		"--cluster-signing-key-file=" + d.pki("ca.key"),
		"--leader-elect=false",
		"--secure-port=0",
		"--flex-volume-plugin-dir=" + d.file("flex-volumes"), // it makes this directory, by default in /usr
		"--profiling=false",
		// The garbage collector shares this; a test that deletes a thousand
		// owners should not wait for the default of 20 a second.
		"--kube-api-qps=200",
		"--kube-api-burst=400",
	}
}

// controllerManagerKubeconfig is written anew by each run, for the port.
const controllerManagerKubeconfig = "controller-manager.kubeconfig"
