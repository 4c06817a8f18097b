//go:build linux

package controlplane

import (
	"fmt"
	"os"
)

// A kubeconfig is the part of k8s.io/client-go/tools/clientcmd/api/v1.Config
// that we write. It is written as JSON, which is YAML as well, for readers that
// know only the one or the other; and with the credentials in it, for the file
// to be of use alone.
type kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	Clusters       []namedCluster `json:"clusters"`
	Users          []namedUser    `json:"users"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
}

type namedCluster struct {
	Name    string `json:"name"`
	Cluster struct {
		Server string `json:"server"`
		CA     []byte `json:"certificate-authority-data"`
	} `json:"cluster"`
}

type namedUser struct {
	Name string `json:"name"`
	User struct {
		Certificate []byte `json:"client-certificate-data"`
		Key         []byte `json:"client-key-data"`
	} `json:"user"`
}

type namedContext struct {
	Name    string `json:"name"`
	Context struct {
		Cluster string `json:"cluster"`
		User    string `json:"user"`
	} `json:"context"`
}

// writeKubeconfig writes the credentials of user, one of the client
// certificates in the PKI, for the API server at server.
func writeKubeconfig(path string, d dir, server, user string) error {
	const name = "devcluster"
	var (
		cluster = namedCluster{Name: name}
		login   = namedUser{Name: user}
		context = namedContext{Name: name}
	)
	cluster.Cluster.Server = server
	context.Context.Cluster, context.Context.User = name, user
	for file, field := range map[string]*[]byte{
		"ca.crt":      &cluster.Cluster.CA,
		user + ".crt": &login.User.Certificate,
		user + ".key": &login.User.Key,
	} {
		data, err := os.ReadFile(d.pki(file))
		if err != nil {
			return fmt.Errorf("write kubeconfig: %w", err)
		}
		*field = data
	}
	return writeJSON(path, kubeconfig{
		APIVersion:     "v1",
		Kind:           "Config",
		Clusters:       []namedCluster{cluster},
		Users:          []namedUser{login},
		Contexts:       []namedContext{context},
		CurrentContext: name,
	})
}
