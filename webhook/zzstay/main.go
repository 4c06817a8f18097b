// Temporary: runs the webhook against a dev cluster until it is killed.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/webhook"
	"github.com/certwright/certwright/webhook/approval"
	"github.com/certwright/certwright/webhook/serving"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	kc := flag.String("kubeconfig", "", "")
	crds := flag.String("crds", "", "")
	addr := flag.String("addr", "127.0.0.1:0", "")
	v := flag.Int("v", 0, "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	logger := funcr.New(func(p, a string) { fmt.Fprintln(os.Stderr, p, a) }, funcr.Options{Verbosity: *v})
	log.SetLogger(logger)
	ctx = log.IntoContext(ctx, logger)
	cfg := must(clientcmd.BuildConfigFromFlags("", *kc))
	cfg.QPS = -1
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{certsv1.AddToScheme, acmev1.AddToScheme, corev1.AddToScheme, admissionregistrationv1.AddToScheme, authorizationv1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	c := must(client.NewWithWatch(cfg, client.Options{Scheme: s}))
	if *crds != "" {
		for _, f := range must(filepath.Glob(*crds + "/*.yaml")) {
			u := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(must(os.ReadFile(f)), &u.Object); err != nil {
				panic(err)
			}
			if err := c.Create(ctx, u); err != nil && !apierrors.IsAlreadyExists(err) {
				panic(err)
			}
		}
		time.Sleep(2 * time.Second)
		c = must(client.NewWithWatch(cfg, client.Options{Scheme: s}))
	}
	ns := &corev1.Namespace{}
	ns.Name = "cert-manager"
	if err := c.Create(ctx, ns); err != nil && !apierrors.IsAlreadyExists(err) {
		panic(err)
	}
	ca := must(cache.New(cfg, cache.Options{Scheme: s}))
	if err := ca.IndexField(ctx, &certsv1.Certificate{}, webhook.SecretNameIndex, webhook.IndexSecretName); err != nil {
		panic(err)
	}
	for _, o := range []client.Object{&certsv1.Issuer{}, &certsv1.ClusterIssuer{}} {
		must(ca.GetInformer(ctx, o))
	}
	go ca.Start(ctx)
	ca.WaitForCacheSync(ctx)
	l := must(net.Listen("tcp", *addr))
	url := "https://" + l.Addr().String()
	mut, val := webhook.Configurations(webhook.Options{URL: url})
	for _, o := range []client.Object{mut, val} {
		if err := client.IgnoreNotFound(c.Delete(ctx, o)); err != nil {
			panic(err)
		}
		o.SetResourceVersion("")
		if err := c.Create(ctx, o); err != nil {
			panic(err)
		}
	}
	k := serving.New(serving.Config{Client: c, Namespace: "cert-manager", Configurations: webhook.Name, DNSNames: serving.ServiceNames(webhook.Name, "cert-manager"), IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	go k.Run(ctx)
	reg := prometheus.NewRegistry()
	m := must(webhook.NewMetrics(reg))
	perms := approval.New(approval.ReviewerFunc(func(ctx context.Context, sar *authorizationv1.SubjectAccessReview) error { return c.Create(ctx, sar) }), c.RESTMapper(), clock.RealClock{})
	hh := webhook.Handler(webhook.Config{Reader: ca, Live: c, Permissions: perms, Metrics: m})
	var n atomic.Int32
	dump := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		os.WriteFile(fmt.Sprintf("/tmp/wh-dump/%03d%s.json", n.Add(1), strings.ReplaceAll(r.URL.Path, "/", "-")), b, 0o600)
		r.Body = io.NopCloser(bytes.NewReader(b))
		hh.ServeHTTP(w, r)
	})
	srv := &webhook.Server{Handler: dump, GetCertificate: k.GetCertificate}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	start := time.Now()
	for k.Ready() != nil {
		time.Sleep(20 * time.Millisecond)
		if time.Since(start) > 20*time.Second {
			panic(k.Ready())
		}
	}
	fmt.Println("ready", url, time.Since(start), os.Getpid())
	go http.ListenAndServe("127.0.0.1:6061", nil)
	<-ctx.Done()
	fmt.Println(<-done)
}
