package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A Cluster is a running control plane.
type Cluster struct {
	// Dir holds its state and logs.
	Dir string
	// Kubeconfig is the file with cluster-admin access.
	Kubeconfig string
	// Config is the same access.
	Config *rest.Config
	// Etcd is the URL of etcd, which serves its metrics too.
	Etcd string
	// PIDs of supervisor, apiserver, controllerManager and etcd.
	PIDs map[string]int

	binary string
}

// UpCluster starts a control plane whose state is in dir. It ends with this
// process, or by Down.
func UpCluster(ctx context.Context, binary, dir string) (*Cluster, error) {
	cmd := exec.CommandContext(ctx, binary, "up", "--dir", dir, "--owner", strconv.Itoa(os.Getpid()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("devcluster up: %w\n%s", err, out)
	}
	c := &Cluster{Dir: dir, Kubeconfig: filepath.Join(dir, "kubeconfig"), binary: binary}
	var err error
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	c.Config.QPS = -1
	data, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	if err != nil {
		return nil, fmt.Errorf("read description of the cluster: %w", err)
	}
	var description struct {
		Etcd string
		PIDs map[string]int
	}
	if err := json.Unmarshal(data, &description); err != nil {
		return nil, fmt.Errorf("read description of the cluster: %w", err)
	}
	c.Etcd, c.PIDs = description.Etcd, description.PIDs
	return c, nil
}

// Down stops the control plane.
func (c *Cluster) Down() error {
	// However long it takes: what it does not reach runs on.
	down := exec.CommandContext(context.Background(), c.binary, "down", "--dir", c.Dir)
	if out, err := down.CombinedOutput(); err != nil {
		return fmt.Errorf("devcluster down: %w\n%s", err, out)
	}
	return nil
}

// Kubectl runs kubectl with cluster-admin access in the directory dir, and
// returns what it prints, errors and warnings included.
func (c *Cluster) Kubectl(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.binary, append([]string{"kubectl", "--kubeconfig", c.Kubeconfig}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
