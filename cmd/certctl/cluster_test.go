//go:build cluster

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/certwright/certwright/certs"
	acmev1 "github.com/certwright/certwright/certs/acme/v1"
	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
	"github.com/certwright/certwright/issuance/request"
	"github.com/certwright/certwright/test/stage"
)

// TestCluster runs certctl against a real cluster in which Certwright runs, with
// nobody who approves but certctl, and compares what it prints with the files in
// testdata/cluster.
func TestCluster(t *testing.T) {
	bin, err := filepath.Abs(filepath.Join("..", "..", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	on, err := stage.Up(ctx, stage.Options{Dir: t.TempDir(), Bin: bin, Args: []string{"--controllers=*,-certificaterequests-approver"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.Down(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, certsv1.AddToScheme, acmev1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	on.Cluster.Config.WarningHandler = rest.NoWarnings{}
	log.SetLogger(logr.Discard())
	admin, err := client.New(on.Cluster.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func(*play){
		"the API is checked":                          apiIsChecked,
		"an Ingress, and a Certificate that is ready": readyAndRenewed,
		"the issuer is missing":                       issuerMissing,
		"the issuer is not ready":                     issuerNotReady,
		"nobody has approved":                         notApproved,
		"denied":                                      denied,
		"failed, and waiting to try again":            failed,
		"two Certificates name one Secret":            sharedSecret,
		"the self-check fails":                        selfCheckFails,
		"renewal is due":                              renewalDue,
		"expired":                                     expired,
		"permissions are missing":                     permissions,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &play{T: t, admin: admin, stage: on, namespace: "case-" + strings.NewReplacer(" ", "-", ",", "").Replace(strings.ToLower(name))}
			p.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.namespace}})
			act(p)
			p.compare(filepath.Join("testdata", "cluster", strings.TrimPrefix(p.namespace, "case-")+".txt"))
		})
	}
}

// A play is one case: a namespace, and what was typed and printed in it.
type play struct {
	*testing.T
	admin     client.Client
	stage     *stage.Stage
	namespace string
	record    bytes.Buffer
}

func (p *play) create(objects ...client.Object) {
	p.Helper()
	for _, o := range objects {
		if err := p.admin.Create(p.Context(), o); err != nil {
			p.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

// run runs certctl in the namespace.
func (p *play) run(args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), "certctl", append(args, "-n", p.namespace)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+p.stage.Cluster.Kubeconfig, "SSL_CERT_FILE=/dev/null", "SSL_CERT_DIR=/nowhere")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 1 {
		p.Fatalf("certctl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// show runs certctl until it prints what matches the pattern, and keeps that.
func (p *play) show(pattern string, args ...string) {
	p.Helper()
	out, want := "", regexp.MustCompile("(?s)"+pattern)
	err := wait.PollUntilContextTimeout(p.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		out = p.run(args...)
		return want.MatchString(out), nil
	})
	if err != nil {
		p.Fatalf("certctl %v does not print %q:\n%s", args, pattern, out)
	}
	fmt.Fprintf(&p.record, "$ certctl %s\n%s\n", strings.Join(args, " "), out)
}

// What differs from run to run.
var variable = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\((in )?\d[0-9dhms]*( ago)?\)`), "(${1}D${2})"},
	{regexp.MustCompile(`, [0-9ydhms]+ old`), ", D old"},
	{regexp.MustCompile(`(?m)^( +(?:Normal|Warning) +\S+) +[0-9ydhms]+ +(\S+) +`), "$1  D  $2  "},
	{regexp.MustCompile(`(?m)^( +Type) +(Reason) +(Age) +(From) +(Message)$`), "$1  $2  $3  $4  $5"},
	{regexp.MustCompile(`(?m)^( +(?:Normal|Warning)) +(\S+)  D`), "$1  $2  D"},
	{regexp.MustCompile(`([0-9A-F]{2}:){19,}[0-9A-F]{2}`), "FINGERPRINT"},
	{regexp.MustCompile(`Serial Number: [0-9a-f]+`), "Serial Number: NUMBER"},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), "HEX"},
	{regexp.MustCompile(`[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}`), "TOKEN.THUMBPRINT"},
	{regexp.MustCompile(`([/ ])[A-Za-z0-9_-]{43}(['\s,.])`), "${1}TOKEN$2"},
	{regexp.MustCompile(`\bweb-[a-z2-7]{5}\b`), "web-KEY"},
	{regexp.MustCompile(`(-\d+)-\d{6,10}-\d{6,10}\b`), "$1-ORDER-CHALLENGE"},
	{regexp.MustCompile(`(-\d+)-\d{6,10}\b`), "$1-ORDER"},
	{regexp.MustCompile(`cm-acme-http-solver-[0-9a-f]+`), "cm-acme-http-solver-ID"},
	{regexp.MustCompile(`lookup (\S+) on \S+: `), "lookup $1 on DNS: "},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`/authZ/\S+,`), "/authZ/ID,"},
}

// compare compares what was recorded with the file, or writes it there.
func (p *play) compare(file string) {
	p.Helper()
	got := strings.ReplaceAll(p.record.String(), p.namespace, "NAMESPACE")
	for _, v := range variable {
		got = v.what.ReplaceAllString(got, v.as)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			p.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			p.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		p.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		p.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// certificate returns the Certificate "web" of an Issuer, changed.
func (p *play) certificate(issuer string, change ...func(*certsv1.Certificate)) *certsv1.Certificate {
	crt := &certsv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "web"},
		Spec: certsv1.CertificateSpec{
			SecretName: "web", DNSNames: []string{"web.example.test"}, IssuerRef: cmmeta.IssuerReference{Name: issuer},
			PrivateKey: &certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm},
		},
	}
	for _, f := range change {
		f(crt)
	}
	return crt
}

func (p *play) issuer(name string, spec certsv1.IssuerSpec) *certsv1.Issuer {
	return &certsv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: name}, Spec: spec}
}

func (p *play) selfSigned() *certsv1.Issuer {
	return p.issuer("self-signed", certsv1.IssuerSpec{SelfSigned: &certsv1.SelfSignedIssuer{}})
}

// approve approves as soon as there is something to approve.
func (p *play) approve(request string) {
	p.Helper()
	p.show("Approved CertificateRequest", "approve", request)
}

func apiIsChecked(p *play) {
	p.show("ready", "check", "api")
}

func readyAndRenewed(p *play) {
	prefix := networkingv1.PathTypePrefix
	p.create(
		p.selfSigned(),
		p.certificate("self-signed", func(crt *certsv1.Certificate) {
			crt.Name, crt.Spec.SecretName, crt.Spec.IsCA, crt.Spec.CommonName, crt.Spec.DNSNames = "root", "root", true, "Test Root", nil
		}))
	p.approve("root-1")
	p.show("Ready: True", "status", "certificate", "root")
	p.create(p.issuer("ca", certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "root"}}))
	p.record.Reset() // that was preparation
	p.create(&networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "site", Annotations: map[string]string{
			"cert-manager.io/issuer": "ca", "cert-manager.io/private-key-algorithm": "ECDSA",
		}},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{"web.example.test"}, SecretName: "web"}},
			Rules: []networkingv1.IngressRule{{Host: "web.example.test", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &prefix, Backend: networkingv1.IngressBackend{
					Service: &networkingv1.IngressServiceBackend{Name: "site", Port: networkingv1.ServiceBackendPort{Number: 80}},
				}}},
			}}}},
		},
	})
	p.show("nobody has approved", "explain", "ingress", "site")
	p.approve("web-1")
	p.show("^Ready: 1 of 1", "explain", "ingress", "site")
	p.show("already", "deny", "web-1")
	p.show("^Ready", "explain", "certificate", "web")
	p.show("Issued", "explain", "certificaterequest", "web-1")
	p.show("successfully issued.*No CertificateRequest", "status", "certificate", "web")
	p.show("Private key belongs to the certificate: yes", "inspect", "secret", "web")
	p.annotated()
	p.show("Manually triggered", "renew", "web")
	p.show("nobody has approved", "explain", "certificate/web")
	p.show("ManuallyTriggered.*Generated.*Generated.*web-2.*WaitingForApproval", "status", "certificate", "web")
	p.approve("web-2")
	p.show("for its renewal", "explain", "certificate/web")
	p.show("not found", "renew", "nothing")
	p.show("No Certificates found", "renew", "-l", "app=none")
}

// annotated adds a condition of somebody else, which a renewal must not lose.
func (p *play) annotated() {
	p.Helper()
	crt := &certsv1.Certificate{}
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if err := p.admin.Get(p.Context(), client.ObjectKey{Namespace: p.namespace, Name: "web"}, crt); err != nil {
			return err
		}
		crt.Status.SetCondition(certsv1.CertificateCondition{
			Type: "Audited", Status: cmmeta.ConditionTrue, Reason: "ByHand", Message: "somebody else's condition",
		}, metav1.Now())
		return p.admin.Status().Update(p.Context(), crt)
	})
	if err != nil {
		p.Fatal(err)
	}
}

func issuerMissing(p *play) {
	p.create(p.certificate("nowhere"))
	p.approve("web-1")
	p.show(`"nowhere" does not exist`, "explain", "certificate", "web")
	p.show("Requested.*Issuing.*WaitingForApproval.*IssuerNotFound", "status", "certificate", "web")
}

func issuerNotReady(p *play) {
	p.create(p.issuer("ca", certsv1.IssuerSpec{CA: &certsv1.CAIssuer{SecretName: "nothing"}}), p.certificate("ca"))
	p.approve("web-1")
	p.show("is not ready: ", "explain", "certificate", "web")
}

func notApproved(p *play) {
	p.create(p.selfSigned(), p.certificate("self-signed"))
	p.show("nobody has approved", "explain", "certificate", "web")
	p.show("nobody has approved", "explain", "certificaterequest", "web-1")
}

func denied(p *play) {
	p.create(p.selfSigned(), p.certificate("self-signed"))
	p.show("Denied CertificateRequest", "deny", "web-1", "--reason", "NotOurs", "--message", "example.test belongs to somebody else")
	p.show("tries again at", "explain", "certificate", "web")
	p.show("already", "approve", "web-1")
}

func failed(p *play) {
	p.registered()
	p.create(p.certificate("acme", func(crt *certsv1.Certificate) { crt.Spec.CommonName = "other.example.test" }))
	p.approve("web-1")
	p.show("tries again at", "explain", "certificate", "web")
	p.show("Failed .*InvalidOrder", "status", "certificate", "web")
}

func sharedSecret(p *play) {
	p.create(p.selfSigned(), p.certificate("self-signed"))
	p.approve("web-1")
	p.show("for its renewal", "explain", "certificate", "web")
	p.create(p.certificate("self-signed", func(crt *certsv1.Certificate) { crt.Name = "web-second" }))
	p.show("belongs to Certificate", "explain", "certificate", "web-second")
}

// acme returns an Issuer that uses the stage's ACME server.
func (p *play) acme() *certsv1.Issuer {
	return p.issuer("acme", certsv1.IssuerSpec{ACME: &acmev1.ACMEIssuer{
		Server: p.stage.ACME.DirectoryURL(), CABundle: p.stage.ACME.CABundle(),
		PrivateKeySecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "account"}},
		Solvers:             []acmev1.ACMEChallengeSolver{{HTTP01: &acmev1.ACMEChallengeSolverHTTP01{Ingress: &acmev1.ACMEChallengeSolverHTTP01Ingress{}}}},
	}})
}

func selfCheckFails(p *play) {
	p.registered()
	p.create(p.certificate("acme", func(crt *certsv1.Certificate) { crt.Spec.DNSNames = []string{"web.elsewhere.test"} }))
	p.approve("web-1")
	p.show(`says: Waiting on[^\n]*"pending": …\n.*challenge propagation`, "explain", "certificate", "web")
	challenge := p.only(&acmev1.ChallengeList{})
	order := p.only(&acmev1.OrderList{})
	p.show("challenge propagation", "explain", "order", order)
	p.show("challenge propagation", "explain", "challenge", challenge)
	p.show(`Issuing: True[^\n]*propagation.*Ready: False[^\n]*propagation.*Challenges:`, "status", "certificate", "web")
}

// registered makes the Issuer "acme" and waits until it is ready.
func (p *play) registered() {
	p.Helper()
	issuer := p.acme()
	p.create(issuer)
	err := wait.PollUntilContextTimeout(p.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return request.IssuerReady(issuer), p.admin.Get(ctx, client.ObjectKeyFromObject(issuer), issuer)
	})
	if err != nil {
		p.Fatal(err)
	}
}

// only returns the name of the only object of a kind.
func (p *play) only(list client.ObjectList) string {
	p.Helper()
	if err := p.admin.List(p.Context(), list, client.InNamespace(p.namespace)); err != nil {
		p.Fatal(err)
	}
	switch l := list.(type) {
	case *acmev1.ChallengeList:
		if len(l.Items) == 1 {
			return l.Items[0].Name
		}
	case *acmev1.OrderList:
		if len(l.Items) == 1 {
			return l.Items[0].Name
		}
	}
	p.Fatalf("not one object but %v", list)
	return ""
}

func renewalDue(p *play) {
	p.create(p.selfSigned(), p.issued(-80*24*time.Hour, 10*24*time.Hour), p.certificate("self-signed"))
	p.show("but not renewed because nobody", "explain", "certificate", "web")
}

func expired(p *play) {
	p.create(p.selfSigned(), p.issued(-90*24*time.Hour, -24*time.Hour), p.certificate("self-signed"))
	p.show("nobody has approved", "explain", "certificate", "web")
	p.show(`\(expired\)`, "inspect", "secret", "web")
}

// issued returns the Secret that an earlier issuance left.
func (p *play) issued(from, to time.Duration) *corev1.Secret {
	p.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"web.example.test"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		p.Fatal(err)
	}
	encoded, err := certs.EncodeKey(key, certsv1.PKCS8)
	if err != nil {
		p.Fatal(err)
	}
	annotations, err := certs.SecretAnnotations("web", &cmmeta.IssuerReference{Name: "self-signed"}, leaf)
	if err != nil {
		p.Fatal(err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "web", Annotations: annotations, Labels: map[string]string{certsv1.SecretManagedKey: "true"}},
		Type:       corev1.SecretTypeTLS,
		Data:       map[string][]byte{"tls.crt": certs.EncodeChain(leaf), "tls.key": encoded},
	}
}

func permissions(p *play) {
	p.create(
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "developer"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{certsv1.GroupName, acmev1.GroupName}, Resources: []string{"*"}, Verbs: []string{"get", "list"}},
			{APIGroups: []string{certsv1.GroupName}, Resources: []string{"certificaterequests/status"}, Verbs: []string{"patch"}},
		}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: p.namespace, Name: "alice"},
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "developer"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "alice"}}},
		p.selfSigned(), p.certificate("self-signed"))
	p.show("nobody has approved.*issuing: ", "explain", "certificate", "web", "--as", "alice")
	p.show("does not have permissions", "approve", "web-1", "--as", "alice")
	p.show("cannot patch", "renew", "web", "--as", "alice")
	p.show("Issuing: True.*forbidden", "status", "certificate", "web", "--as", "alice")
	p.show("forbidden", "inspect", "secret", "web", "--as", "alice")
}
