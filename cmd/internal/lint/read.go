package lint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What a run reads at most.
const (
	MaxFile  = 8 << 20  // bytes of one file
	MaxTotal = 32 << 20 // bytes of all
	MaxFiles = 10_000
)

// Stdin is the path that means the standard input.
const Stdin = "-"

// A File is what was read.
type File struct {
	// Name as it is shown.
	Name string
	Data []byte
}

// Read returns the files at paths: each a file, a directory whose *.yaml, *.yml
// and *.json files are read, sorted and with its subdirectories, or Stdin.
func Read(paths []string, stdin io.Reader) ([]File, error) {
	r := reader{}
	for _, path := range paths {
		if err := r.path(path, stdin); err != nil {
			return nil, err
		}
	}
	return r.files, nil
}

type reader struct {
	files []File
	total int
}

func (r *reader) path(path string, stdin io.Reader) error {
	if path == Stdin {
		return r.from("stdin", stdin)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return r.file(path)
	}
	before := len(r.files)
	if err := filepath.WalkDir(path, r.entry); err != nil {
		return err
	}
	if len(r.files) == before {
		return fmt.Errorf("%s: no *.yaml, *.yml or *.json file in it", path)
	}
	return nil
}

// entry reads one entry of a directory if it is a manifest by its name. Links
// to files are followed, links to directories, which may lead in a circle, not.
func (r *reader) entry(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	return r.file(path)
}

func (r *reader) file(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return r.from(filepath.ToSlash(path), file)
}

func (r *reader) from(name string, in io.Reader) error {
	if len(r.files) == MaxFiles {
		return fmt.Errorf("%s: more than %d files, which is the limit of one run", name, MaxFiles)
	}
	if in == nil {
		return errors.New("no standard input")
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxFile {
		return fmt.Errorf("%s: more than %d MiB, which is the limit of one file", name, MaxFile>>20)
	}
	if r.total += len(data); r.total > MaxTotal {
		return fmt.Errorf("%s: more than %d MiB with the files before it, which is the limit of one run", name, MaxTotal>>20)
	}
	r.files = append(r.files, File{Name: name, Data: data})
	return nil
}
