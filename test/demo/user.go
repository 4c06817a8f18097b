package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// patience is how long the user waits for anything.
const patience = time.Minute

// A user has cluster-admin access and does what kubectl does, which may not be
// there.
type user struct {
	client     dynamic.Interface
	kubernetes kubernetes.Interface
	mapper     meta.RESTMapper
}

func newUser(config *rest.Config) (*user, error) {
	config = rest.CopyConfig(config)
	config.WarningHandler = rest.NewWarningWriter(os.Stdout, rest.WarningWriterOptions{})
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	groups, err := restmapper.GetAPIGroupResources(clientset.Discovery())
	if err != nil {
		return nil, fmt.Errorf("discover the API: %w", err)
	}
	return &user{client, clientset, restmapper.NewDiscoveryRESTMapper(groups)}, nil
}

// apply applies every document of manifest, server side.
func (u *user) apply(ctx context.Context, manifest string) error {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read manifest: %w", err)
		}
		var o unstructured.Unstructured
		if err := utilyaml.Unmarshal(document, &o.Object); err != nil {
			return fmt.Errorf("read manifest: %w", err)
		}
		if len(o.Object) == 0 {
			continue
		}
		gvk := o.GroupVersionKind()
		mapping, err := u.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			return fmt.Errorf("find %s: %w", gvk.Kind, err)
		}
		resource := dynamic.ResourceInterface(u.client.Resource(mapping.Resource))
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			resource = u.client.Resource(mapping.Resource).Namespace(o.GetNamespace())
		}
		if _, err := resource.Apply(ctx, o.GetName(), &o, metav1.ApplyOptions{FieldManager: "kubectl"}); err != nil {
			return fmt.Errorf("apply %s %s: %w", o.GetKind(), o.GetName(), err)
		}
		fmt.Printf("  %s/%s applied\n", strings.ToLower(o.GetKind()), o.GetName())
	}
}

// waitSecret waits until the Secret of that name holds a certificate.
func (u *user) waitSecret(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		secret, err := u.kubernetes.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil && len(secret.Data["tls.crt"]) > 0, err
	})
	if err != nil {
		tables := u.printTables(context.WithoutCancel(ctx))
		return errors.Join(fmt.Errorf("no certificate in Secret %s after %s: %w", name, patience, err), tables)
	}
	return nil
}

// waitReady waits until the Certificate of that name says that it is ready.
func (u *user) waitReady(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resource := u.client.Resource(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}).Namespace(namespace)
	err := wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		crt, err := resource.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return strings.HasPrefix(state(crt, ""), "Ready=True"), nil
	})
	if err != nil {
		return fmt.Errorf("certificate %s is not ready after %s: %w", name, patience, err)
	}
	return nil
}

// printTables prints what kubectl get shows, as the API server lays it out.
func (u *user) printTables(ctx context.Context) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 3, ' ', 0)
	for _, resource := range []string{"cert-manager.io/v1/certificates", "cert-manager.io/v1/certificaterequests", "acme.cert-manager.io/v1/orders", "acme.cert-manager.io/v1/challenges"} {
		parts := strings.Split(resource, "/")
		data, err := u.kubernetes.CoreV1().RESTClient().Get().
			AbsPath("apis", parts[0], parts[1], "namespaces", namespace, parts[2]).
			SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("list %s: %w", parts[2], err)
		}
		var table metav1.Table
		if err := json.Unmarshal(data, &table); err != nil {
			return fmt.Errorf("read table of %s: %w", parts[2], err)
		}
		if len(table.Rows) == 0 {
			_, _ = fmt.Fprintf(out, "  no %s\n\n", parts[2])
			continue
		}
		for _, column := range table.ColumnDefinitions {
			if column.Priority == 0 {
				_, _ = fmt.Fprintf(out, "  %s\t", strings.ToUpper(column.Name))
			}
		}
		_, _ = fmt.Fprintln(out)
		for _, row := range table.Rows {
			for i, cell := range row.Cells {
				if table.ColumnDefinitions[i].Priority != 0 {
					continue
				}
				if cell == nil {
					cell = ""
				}
				text := fmt.Sprint(cell)
				if i == 0 {
					text = strings.TrimSuffix(parts[2], "s") + "/" + text
				}
				_, _ = fmt.Fprintf(out, "  %s\t", text)
			}
			_, _ = fmt.Fprintln(out)
		}
		_, _ = fmt.Fprintln(out)
	}
	return out.Flush()
}

// expectRefusal applies a manifest that must be refused, and prints how.
func (u *user) expectRefusal(ctx context.Context, manifest string) error {
	err := u.apply(ctx, manifest)
	if !apierrors.IsForbidden(errors.Unwrap(err)) {
		return fmt.Errorf("a wrong Certificate was not refused: %w", err)
	}
	fmt.Printf("  Error from server (Forbidden): %v\n", errors.Unwrap(err))
	return nil
}

// serveSite runs the site behind both Ingresses, which is plain HTTP, and
// returns its port.
func serveSite() (port int, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, fmt.Errorf("listen for the site: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "hello from %s\n", r.Host)
	})}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port()), func() { _ = server.Close() }, nil
}
