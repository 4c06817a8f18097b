package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write makes the files of a directory, each with its name as its content.
func write(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRead(t *testing.T) {
	t.Parallel()
	dir := write(t, "b.yaml", "a.YML", "c.json", "d.txt", "sub/e.yaml", "sub/deeper/f.yml", "g.yaml/h.yaml", "none/readme.md")
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("d.txt", "link.yaml")
	link("..", "sub/circle.yaml") // to a directory

	files, err := Read([]string{dir, Stdin, filepath.Join(dir, "d.txt")}, strings.NewReader("from stdin"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, strings.TrimPrefix(f.Name, filepath.ToSlash(dir)+"/")+": "+string(f.Data))
	}
	want := []string{
		"a.YML: a.YML", "b.yaml: b.yaml", "c.json: c.json", "g.yaml/h.yaml: g.yaml/h.yaml", "link.yaml: d.txt",
		"sub/deeper/f.yml: sub/deeper/f.yml", "sub/e.yaml: sub/e.yaml", "stdin: from stdin", "d.txt: d.txt",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	for name, path := range map[string]string{
		"no such file": filepath.Join(dir, "x"),
		"no *.yaml":    filepath.Join(dir, "none"),
	} {
		if _, err := Read([]string{path}, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
	if err := os.Remove(filepath.Join(dir, "d.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read([]string{dir}, nil); err == nil {
		t.Error("a link that leads nowhere is passed over")
	}
}

func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	dir := write(t, "a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml")
	size := func(name string, bytes int64) {
		if err := os.Truncate(filepath.Join(dir, name), bytes); err != nil {
			t.Fatal(err)
		}
	}
	size("a.yaml", MaxFile)
	if _, err := Read([]string{dir}, nil); err != nil {
		t.Errorf("a file at the limit: %v", err)
	}
	for _, name := range []string{"b.yaml", "c.yaml", "d.yaml", "e.yaml"} {
		size(name, MaxFile)
	}
	if _, err := Read([]string{dir}, nil); err == nil || !strings.Contains(err.Error(), "e.yaml: more than 32 MiB") {
		t.Errorf("files beyond the limit of all: %v", err)
	}
	size("a.yaml", MaxFile+1)
	if _, err := Read([]string{dir}, nil); err == nil || !strings.Contains(err.Error(), "a.yaml: more than 8 MiB") {
		t.Errorf("a file beyond the limit: %v", err)
	}
	many := reader{files: make([]File, MaxFiles)}
	if err := many.file(filepath.Join(dir, "b.yaml")); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("one file too many: %v", err)
	}
}
