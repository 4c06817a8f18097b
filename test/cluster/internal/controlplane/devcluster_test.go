//go:build linux

package controlplane

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// devcluster is the binary under test: $DEVCLUSTER (an absolute path), or else
// bin/devcluster, built anew if it is older than its sources.
var devcluster = os.Getenv("DEVCLUSTER")

func TestMain(m *testing.M) {
	if devcluster == "" {
		var err error
		if devcluster, err = filepath.Abs("../../../../bin/devcluster"); err != nil {
			panic(err)
		}
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", devcluster, ".")
		build.Dir = "../.."
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build devcluster: %v\n%s", err, out)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func TestUpAndDown(t *testing.T) {
	d := newDir(t)
	begin := time.Now()
	mustRun(t, "up", "--dir", string(d))
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("up took %s", took)
	}
	first := mustRecord(t, d)

	t.Run("the server says its version", func(t *testing.T) {
		var v struct {
			GitVersion string `json:"gitVersion"`
		}
		connect(t, d).get(t, "/version", &v)
		if want := "v1.37.2"; v.GitVersion != want {
			t.Errorf("version %q, want %q", v.GitVersion, want)
		}
		if out := mustRun(t, "version"); !strings.Contains(out, "v1.37.2") {
			t.Errorf("devcluster version says %q", out)
		}
	})
	t.Run("the kubeconfig is private and works for kubectl", func(t *testing.T) {
		info, err := os.Stat(d.kubeconfig())
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("kubeconfig has mode %v", info.Mode())
		}
		kubectl, err := exec.LookPath("kubectl")
		if err != nil {
			t.Skip("no kubectl here; the other tests read the kubeconfig themselves")
		}
		out, err := exec.Command(kubectl, "--kubeconfig", d.kubeconfig(), "get", "namespace", "default", "-o", "name").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "namespace/default") {
			t.Errorf("kubectl: %v: %s", err, out)
		}
	})
	t.Run("an EndpointSlice may hold 192.0.2.7", func(t *testing.T) {
		connect(t, d).post(t, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", `{
			"metadata": {"name": "web"}, "addressType": "IPv4", "endpoints": [{"addresses": ["192.0.2.7"]}]}`)
	})
	t.Run("the garbage collector deletes what has lost its owner", func(t *testing.T) {
		api := connect(t, d)
		const configMaps = "/api/v1/namespaces/default/configmaps"
		var owner struct {
			Metadata struct {
				UID string `json:"uid"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(api.post(t, configMaps, `{"metadata": {"name": "owner"}}`), &owner); err != nil {
			t.Fatal(err)
		}
		api.post(t, configMaps, fmt.Sprintf(`{"metadata": {"name": "owned", "ownerReferences": [
			{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": %q}]}}`, owner.Metadata.UID))
		if code, body := api.do(t, http.MethodDelete, configMaps+"/owner", ""); code != http.StatusOK {
			t.Fatalf("delete: %d %s", code, body)
		}
		eventually(t, "the dependant is gone", func() bool {
			code, _ := api.do(t, http.MethodGet, configMaps+"/owned", "")
			return code == http.StatusNotFound
		})
	})
	t.Run("a second up changes nothing and is quick", func(t *testing.T) {
		begin := time.Now()
		mustRun(t, "up", "--dir", string(d))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("it took %s", took)
		}
		if now := mustRecord(t, d); *now.PIDs != *first.PIDs {
			t.Errorf("pids were %+v, are %+v", *first.PIDs, *now.PIDs)
		}
	})
	t.Run("an up that asks for something else is refused", func(t *testing.T) {
		for _, args := range [][]string{{"--port", "1"}, {"--apiserver-arg=--v=9"}} {
			if out, err := run(append([]string{"up", "--dir", string(d)}, args...)...); err == nil {
				t.Errorf("up %v said: %s", args, out)
			}
		}
	})

	connect(t, d).post(t, "/api/v1/namespaces/default/configmaps", `{"metadata": {"name": "kept"}}`)
	begin = time.Now()
	mustRun(t, "down", "--dir", string(d))
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("down took %s", took)
	}
	nothingLeft(t, d)
	for _, url := range []string{first.Server, first.Etcd} {
		if !free(portOf(url)) {
			t.Errorf("%s still listens", url)
		}
	}
	mustRun(t, "down", "--dir", string(d)) // nothing to do
	if out, err := run("status", "--dir", string(d)); err == nil {
		t.Errorf("status after down: %s", out)
	}

	mustRun(t, "up", "--dir", string(d))
	if now := mustRecord(t, d); now.Server != first.Server {
		t.Errorf("was at %s, is at %s", first.Server, now.Server)
	}
	connect(t, d).get(t, "/api/v1/namespaces/default/configmaps/kept", nil)
	mustRun(t, "status", "--dir", string(d))
}

func TestTwoClustersSideBySide(t *testing.T) {
	dirs := []dir{newDir(t), newDir(t)}
	ups := make([]*exec.Cmd, len(dirs))
	for i, d := range dirs {
		ups[i] = exec.Command(devcluster, "up", "--dir", string(d), "--owner", strconv.Itoa(os.Getpid()))
		if err := ups[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, up := range ups {
		if err := up.Wait(); err != nil {
			t.Fatalf("%s: %v", dirs[i], err)
		}
	}
	connect(t, dirs[0]).post(t, "/api/v1/namespaces/default/configmaps", `{"metadata": {"name": "mine"}}`)
	if code, _ := connect(t, dirs[1]).do(t, http.MethodGet, "/api/v1/namespaces/default/configmaps/mine", ""); code != http.StatusNotFound {
		t.Errorf("the other cluster answers %d", code)
	}
	mustRun(t, "down", "--dir", string(dirs[0]))
	mustRun(t, "status", "--dir", string(dirs[1]))
}

func TestPorts(t *testing.T) {
	d := newDir(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	if out, err := run("up", "--dir", string(d), "--port", strconv.Itoa(port)); err == nil || !strings.Contains(out, "in use") {
		t.Errorf("up on a port that is taken: %v: %s", err, out)
	}
	nothingLeft(t, d)

	// As if the last run had used it.
	if err := d.writeRecord(record{Server: fmt.Sprintf("https://127.0.0.1:%d", port)}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "up", "--dir", string(d), "--apiserver-arg=--v=2")
	if got := portOf(mustRecord(t, d).Server); got == port {
		t.Errorf("up on port %d, which is taken", got)
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", mustRecord(t, d).PIDs.APIServer))
	if err != nil || !bytes.HasSuffix(args, []byte("\x00--v=2\x00")) {
		t.Errorf("the API server's arguments (%v): %q", err, args)
	}
}

// TestNothingIsLeft ends each process that may end, in the ways that give it no
// chance to clear up.
func TestNothingIsLeft(t *testing.T) {
	kill := func(pid func(*pids) int) func(*testing.T, dir) {
		return func(t *testing.T, d dir) {
			if err := syscall.Kill(pid(mustRecord(t, d).PIDs), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]func(*testing.T, dir){
		"when the supervisor is killed":         kill(func(p *pids) int { return p.Supervisor }),
		"when the API server is killed":         kill(func(p *pids) int { return p.APIServer }),
		"when etcd is killed":                   kill(func(p *pids) int { return p.Etcd }),
		"when the controller manager is killed": kill(func(p *pids) int { return p.ControllerManager }),
	}
	d := newDir(t) // one after the other: also after that, up goes on
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			mustRun(t, "up", "--dir", string(d))
			end(t, d)
			nothingLeft(t, d)
		})
	}

	t.Run("when the owner is killed", func(t *testing.T) {
		owner := exec.Command("sleep", "600")
		if err := owner.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = owner.Process.Kill() })
		mustRun(t, "up", "--dir", string(d), "--owner", strconv.Itoa(owner.Process.Pid))
		mustRun(t, "status", "--dir", string(d))
		if err := owner.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, d) // the owner is a zombie by now, not yet waited for
		_ = owner.Wait()
	})
	t.Run("when up is killed before the cluster is ready", func(t *testing.T) {
		up := exec.Command(devcluster, "up", "--dir", string(d))
		if err := os.Remove(d.log(APIServer)); err != nil {
			t.Fatal(err)
		}
		if err := up.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the API server has started", func() bool {
			_, err := os.Stat(d.log(APIServer))
			return err == nil
		})
		if err := up.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = up.Wait()
		nothingLeft(t, d)
	})
	t.Run("when up runs out of time", func(t *testing.T) {
		if out, err := run("up", "--dir", string(d), "--timeout", "500ms"); err == nil || !strings.Contains(out, "not ready") {
			t.Errorf("up: %v: %s", err, out)
		}
		nothingLeft(t, d)
	})
	t.Run("when a server cannot start, and up says why", func(t *testing.T) {
		out, err := run("up", "--dir", string(d), "--apiserver-arg=--no-such-flag")
		if err == nil || !strings.Contains(out, "no-such-flag") {
			t.Errorf("up: %v: %s", err, out)
		}
		nothingLeft(t, d)
	})
	t.Run("when the caller waits for the end of its output", func(t *testing.T) {
		mustRun(t, "up", "--dir", string(d)) // run reads until the last writer is gone
		mustRun(t, "down", "--dir", string(d))
		nothingLeft(t, d)
	})
}

func TestDownOfWhatNeverWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	mustRun(t, "down", "--dir", path)
	if _, err := os.Stat(path); err == nil {
		t.Error("down made the directory")
	}
}

// newDir is a directory whose cluster ends with the test, however that ends:
// Cleanup does not run if the test binary is killed, but its clusters are owned.
func newDir(t *testing.T) dir {
	t.Helper()
	d, err := absolute(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("supervisor.log:\n%s", lastLines(d, "supervisor", 30))
		}
		mustRun(t, "down", "--dir", string(d))
		nothingLeft(t, d)
	})
	return d
}

func run(args ...string) (output string, err error) {
	if args[0] == "up" && !strings.Contains(strings.Join(args, " "), "--owner") {
		args = append(args, "--owner", strconv.Itoa(os.Getpid()))
	}
	out, err := exec.Command(devcluster, args...).CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(args...)
	if err != nil {
		t.Fatalf("devcluster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// mustRecord is the record of a cluster that runs.
func mustRecord(t *testing.T, d dir) record {
	t.Helper()
	r, err := d.readRecord()
	if err != nil || r.PIDs == nil {
		t.Fatalf("record of %s: %+v, %v", d, r, err)
	}
	return r
}

// nothingLeft waits until no process has to do with d.
func nothingLeft(t *testing.T, d dir) {
	t.Helper()
	eventually(t, "no process is left", func() bool {
		all, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range all {
			if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(d)) {
				return false
			}
		}
		return true
	})
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("not after ten seconds: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A connection uses the kubeconfig as a simple reader would: as JSON.
type connection struct {
	server string
	client *http.Client
}

func connect(t *testing.T, d dir) connection {
	t.Helper()
	data, err := os.ReadFile(d.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	var k kubeconfig
	if err := json.Unmarshal(data, &k); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(k.Clusters[0].Cluster.CA)
	login, err := tls.X509KeyPair(k.Users[0].User.Certificate, k.Users[0].User.Key)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{login}}}
	t.Cleanup(transport.CloseIdleConnections)
	return connection{k.Clusters[0].Cluster.Server, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

func (c connection) do(t *testing.T, method, path, body string) (code int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.server+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer
}

func (c connection) get(t *testing.T, path string, into any) {
	t.Helper()
	code, answer := c.do(t, http.MethodGet, path, "")
	if code != http.StatusOK {
		t.Fatalf("get %s: %d %s", path, code, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatal(err)
		}
	}
}

func (c connection) post(t *testing.T, path, body string) []byte {
	t.Helper()
	code, answer := c.do(t, http.MethodPost, path, body)
	if code != http.StatusCreated {
		t.Fatalf("post %s: %d %s", path, code, answer)
	}
	return answer
}
