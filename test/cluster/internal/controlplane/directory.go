//go:build linux

package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// dir is the absolute path of a cluster's directory, which holds all of it.
type dir string

func (d dir) file(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

func (d dir) pki(name string) string    { return d.file("pki", name) }
func (d dir) log(program string) string { return d.file(program + ".log") }
func (d dir) kubeconfig() string        { return d.file("kubeconfig") }
func (d dir) supervisorLock() string    { return d.file("supervisor.lock") }
func (d dir) upLock() string            { return d.file("up.lock") }
func (d dir) record() string            { return d.file("cluster.json") }

// A record is the content of cluster.json: where the cluster is or, once PIDs
// are gone, where it was.
type record struct {
	Server        string   `json:"server"`
	Etcd          string   `json:"etcd"`
	APIServerArgs []string `json:"apiserverArgs,omitempty"`
	Owner         *Process `json:"owner,omitempty"`
	PIDs          *pids    `json:"pids,omitempty"`
}

type pids struct {
	Supervisor        int `json:"supervisor"`
	APIServer         int `json:"apiserver"`
	ControllerManager int `json:"controllerManager"`
	Etcd              int `json:"etcd"`
}

// readRecord returns the zero record if there is none yet.
func (d dir) readRecord() (record, error) {
	var r record
	data, err := os.ReadFile(d.record())
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read %s: %w", d.record(), err)
	}
	return r, nil
}

func (d dir) writeRecord(r record) error { return writeJSON(d.record(), r) }

// writeJSON replaces path as a whole: readers never see half of it. The files
// it writes are for their owner alone.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	next := path + ".new"
	if err := os.WriteFile(next, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
