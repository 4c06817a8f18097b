package secrets

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func secret(name, version string, change ...func(*corev1.Secret)) *corev1.Secret {
	s := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: "uid", ResourceVersion: version, Labels: map[string]string{certsv1.SecretManagedKey: "true"}},
		Data:       map[string][]byte{"tls.key": []byte("hunter2")},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func start(t *testing.T, managed, others []runtime.Object) *Store {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	s, err := newStore(fake.NewClientset(managed...), metadatafake.NewSimpleMetadataClient(scheme, others...), "team")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	done := make(chan error)
	go func() { done <- s.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	if err := s.WaitForSync(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	owned := secret("next", "3", func(s *corev1.Secret) {
		s.Labels[certsv1.NextPrivateKeyKey] = "true"
		s.OwnerReferences = []metav1.OwnerReference{{UID: "crt", Controller: ptr.To(true)}}
	})
	stolen := secret("stolen", "4", func(s *corev1.Secret) { s.Labels[certsv1.NextPrivateKeyKey] = "true" })
	other := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "ca", UID: "ca-uid", ResourceVersion: "7", Annotations: map[string]string{"a": "b"}},
	}
	s := start(t, []runtime.Object{secret("web", "5"), owned, stolen}, []runtime.Object{other})

	sum, ok := s.Summary("team", "web")
	if !ok || sum.ResourceVersion != "5" || sum.KeyError == "" {
		t.Errorf("Summary(web) = %+v, %t", sum, ok)
	}
	if _, ok := s.Summary("team", "ca"); ok {
		t.Error("a Secret that we do not manage has a summary")
	}
	if uid, version, ok := s.Version("team", "ca"); !ok || uid != "ca-uid" || version != "7" {
		t.Errorf("Version(ca) = %s, %s, %t", uid, version, ok)
	}
	if s.Known("team", "gone") || !s.Known("team", "web") || !s.Known("team", "ca") {
		t.Error("Known() does not know")
	}
	keys := s.NextKeys("crt")
	if len(keys) != 1 || keys[0].Name != "next" {
		t.Errorf("NextKeys() = %v", keys)
	}
	for _, obj := range s.managed.GetStore().List() {
		if _, ok := obj.(*certs.SecretSummary); !ok {
			t.Errorf("the watch stores a %T", obj)
		}
	}
	for _, obj := range s.others.GetStore().List() {
		if m := obj.(*metav1.PartialObjectMetadata); m.Annotations != nil {
			t.Errorf("the watch stores %+v", m)
		}
	}
}

// What was written is known at once, until the watch has caught up.
func TestLearn(t *testing.T) {
	s := start(t, []runtime.Object{secret("web", "5")}, nil)
	s.Learn(secret("web", "4"))
	if sum, _ := s.Summary("team", "web"); sum.ResourceVersion != "5" {
		t.Errorf("what is older counts: %s", sum.ResourceVersion)
	}
	s.Learn(secret("web", "9"))
	if sum, _ := s.Summary("team", "web"); sum.ResourceVersion != "9" {
		t.Errorf("what was just written is not known: %s", sum.ResourceVersion)
	}
	s.delivered(certs.Summarize(secret("web", "8")))
	if sum, _ := s.Summary("team", "web"); sum.ResourceVersion != "9" {
		t.Errorf("an older event made us forget: %s", sum.ResourceVersion)
	}
	s.delivered(certs.Summarize(secret("web", "10")))
	if sum, _ := s.Summary("team", "web"); sum.ResourceVersion != "5" {
		t.Errorf("a newer event did not make us forget: %s", sum.ResourceVersion)
	}
}
