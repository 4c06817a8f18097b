//go:build cluster

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/cmd/internal/run"
)

// The program as it is, but in this process and by a clock that the tests move.
// It is started once, before the tests.
var (
	program *process
	wall    *movedClock
	admin   client.Client
)

// A movedClock runs on like any other, and can be moved. Its ticker ticks only
// then.
type movedClock struct {
	clock.RealClock
	by    atomic.Int64
	ticks chan time.Time
}

func (c *movedClock) Now() time.Time                       { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *movedClock) NewTicker(time.Duration) clock.Ticker { return c }
func (c *movedClock) C() <-chan time.Time                  { return c.ticks }
func (*movedClock) Stop()                                  {}

// move moves the clock, and returns when that was noticed.
func (c *movedClock) move(by time.Duration) {
	c.by.Add(int64(by))
	c.ticks <- c.Now()
}

func TestMain(m *testing.M) {
	log := logr.Discard()
	if os.Getenv("VERBOSE") != "" {
		log = run.Logger(1)
	}
	ctrl.SetLogger(log)
	code, err := withProgram(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run the program:", err)
		code = 1
	}
	os.Exit(code)
}

func withProgram(tests func() int) (code int, err error) {
	kubeconfig := os.Getenv("KUBECONFIG")
	if kubeconfig == "" {
		return 0, errors.New("KUBECONFIG is not set: these tests need a cluster")
	}
	c, err := parse([]string{"--dev", "--kubeconfig", kubeconfig, "--leader-elect=false", "--controllers=*,service-shim",
		"--secure-port=0", "--metrics-listen-address=0", "--internal-healthz-listen-address=127.0.0.1:0"})
	if err != nil {
		return 0, err
	}
	program, wall = newProcess(c), &movedClock{ticks: make(chan time.Time)}
	program.clock = wall
	ready, announcement := io.Pipe()
	program.out = announcement
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := program.run(ctx)
		_ = announcement.CloseWithError(fmt.Errorf("it ended before it was ready: %w", errors.Join(err, io.ErrUnexpectedEOF)))
		ended <- err
	}()
	defer func() {
		stop()
		if runErr := <-ended; !errors.Is(runErr, context.Canceled) {
			err = errors.Join(err, runErr)
		}
	}()
	if _, err := ready.Read(make([]byte, 16)); err != nil {
		return 0, err
	}
	access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return 0, err
	}
	access.QPS = -1
	if admin, err = client.New(access, client.Options{Scheme: program.manager.GetScheme()}); err != nil {
		return 0, err
	}
	return tests(), nil
}

// newNamespace makes a namespace with the Issuers "self-signed" and "ca".
func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "program-"}}
	create(t, ns)
	t.Cleanup(func() { _ = admin.Delete(context.Background(), ns) })
	create(t,
		&certsv1.Issuer{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "self-signed"},
			Spec:       certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}},
		},
		&certsv1.Issuer{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "ca"},
			Spec:       certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "root"}},
		},
		newCertificate(ns.Name, "root", func(c *certsv1.CertificateSpec) {
			c.IsCA, c.CommonName, c.DNSNames, c.IssuerRef.Name = true, "root", nil, "self-signed"
		}))
	ready(t, ns.Name, "root", 1)
	return ns.Name
}

// newCertificate is one for an ECDSA key from the Issuer "ca", changed.
func newCertificate(namespace, name string, change ...func(*certsv1.CertificateSpec)) *certsv1.Certificate {
	c := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: certsv1.CertificateSpec{
			SecretName: name, DNSNames: []string{name + ".example"}, IssuerRef: cmmeta.IssuerReference{Name: "ca"},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(&c.Spec)
	}
	return c
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func(ctx context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}

// ready waits until the Certificate is ready at a revision.
func ready(t *testing.T, namespace, name string, revision int) *certsv1.Certificate {
	t.Helper()
	c := &certsv1.Certificate{}
	eventually(t, fmt.Sprintf("%s is not ready at revision %d", name, revision), func(ctx context.Context) error {
		if err := admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, c); err != nil {
			return err
		}
		at := 0
		if c.Status.Revision != nil {
			at = *c.Status.Revision
		}
		if says := conditions(c); at != revision || says != "Ready=True Ready" {
			return fmt.Errorf("revision %d, %s", at, says)
		}
		return nil
	})
	return c
}

// conditions is what c says about itself: "Ready=True Ready, Issuing=False Failed".
func conditions(c *certsv1.Certificate) string {
	var all []string
	for _, cond := range c.Status.Conditions {
		all = append(all, fmt.Sprintf("%s=%s %s", cond.Type, cond.Status, cond.Reason))
	}
	return strings.Join(all, ", ")
}
