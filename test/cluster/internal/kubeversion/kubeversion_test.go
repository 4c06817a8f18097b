package kubeversion

import (
	"os"
	"regexp"
	"testing"

	"k8s.io/component-base/version"
)

func TestVersionIsThatOfGoMod(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`(?m)^\s*k8s\.io/kubernetes (\S+)$`).FindSubmatch(mod)
	if required == nil || string(required[1]) != Kubernetes {
		t.Errorf("go.mod requires %q, the code says %s", required, Kubernetes)
	}
	got := version.Get()
	if got.GitVersion != Kubernetes || "v"+got.Major+"."+got.Minor != regexp.MustCompile(`^v\d+\.\d+`).FindString(Kubernetes) {
		t.Errorf("the servers would call themselves %+v", got)
	}
}
