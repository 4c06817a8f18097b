package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// user runs the binary: no root, and no user of the node either.
const user = "65532"

// contents is what is in an image.
type contents struct {
	Name         string // whose last element the binary is called
	Binary       []byte
	Roots        []byte // PEM; may be empty
	Version      string
	Architecture string
}

// build makes an image of one layer. Nothing in it depends on when or where.
func build(c contents) (v1.Image, error) {
	program := path.Base(c.Name)
	files := []file{
		{program, 0o555, c.Binary},
		{"etc/passwd", 0o444, []byte("nonroot:x:" + user + ":" + user + ":nonroot:/:/sbin/nologin\n")},
		{"etc/group", 0o444, []byte("nonroot:x:" + user + ":\n")},
	}
	if len(c.Roots) > 0 {
		files = append(files, file{"etc/ssl/certs/ca-certificates.crt", 0o444, c.Roots})
	}
	packed, err := pack(files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed)), nil
	})
	if err != nil {
		return nil, fmt.Errorf("make layer: %w", err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, fmt.Errorf("append layer: %w", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", c.Architecture
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config = v1.Config{
		User:       user + ":" + user,
		Entrypoint: []string{"/" + program},
		WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":    program,
			"org.opencontainers.image.version":  c.Version,
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	}
	return mutate.ConfigFile(img, config)
}

type file struct {
	name string
	mode int64
	data []byte
}

// pack writes files as a tar archive, with the directories that they are in.
func pack(files []file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	made := map[string]bool{".": true}
	var directory func(string) error
	directory = func(dir string) error {
		if made[dir] {
			return nil
		}
		if err := directory(path.Dir(dir)); err != nil {
			return err
		}
		made[dir] = true
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o555, ModTime: time.Unix(0, 0)})
	}
	for _, f := range files {
		if err := directory(path.Dir(f.name)); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: time.Unix(0, 0)}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return out.Bytes(), nil
}

// isStatic reports whether an ELF binary runs without a loader and libraries,
// of which the image has none.
func isStatic(binary []byte) (bool, error) {
	f, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return false, err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false, nil
		}
	}
	return true, nil
}
