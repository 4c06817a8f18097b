//go:build linux

package controlplane

import (
	"context"
	"fmt"
)

// Status prints where the cluster is, or fails if it is not ready.
func Status(path string) error {
	d, err := absolute(path)
	if err != nil {
		return err
	}
	r, err := probe(context.Background(), d)
	if err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	fmt.Printf("devcluster: %s is up; kubeconfig: %s\n", r.Server, d.kubeconfig())
	return nil
}
