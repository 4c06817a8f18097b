package lint

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page shows what is really said of the manifests on it.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "$ cat mistakes.yaml\n")
	manifests, rest, _ := strings.Cut(rest, "$ certctl lint -f mistakes.yaml\n")
	shown, _, found := strings.Cut(rest, "$ echo $?\n1\n")
	if !found {
		t.Fatal("the page has no example")
	}
	var out strings.Builder
	if err := Files([]File{{Name: "mistakes.yaml", Data: []byte(manifests)}}, Options{}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(out.String(), shown); diff != "" {
		t.Errorf("the page (-said +shown):\n%s", diff)
	}
}
