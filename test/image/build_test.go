package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var sample = contents{
	Name: "certwright/widget", Binary: []byte("binary"), Roots: []byte("roots"), Version: "v1", Architecture: "arm64",
}

func TestImageIsReadBack(t *testing.T) {
	tag, err := name.NewTag("certwright/widget:v1")
	if err != nil {
		t.Fatal(err)
	}
	written, err := build(sample)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "widget.tar")
	if err := tarball.WriteToFile(path, tag, written); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(img); err != nil {
		t.Errorf("the image is not valid: %v", err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "arm64" || config.OS != "linux" {
		t.Errorf("the image is for %s/%s", config.OS, config.Architecture)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("the image runs as %q", config.Config.User)
	}
	if diff := cmp.Diff([]string{"/widget"}, config.Config.Entrypoint); diff != "" {
		t.Errorf("entrypoint (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"widget":                            "binary",
		"etc/":                              "",
		"etc/passwd":                        "nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
		"etc/group":                         "nonroot:x:65532:\n",
		"etc/ssl/":                          "",
		"etc/ssl/certs/":                    "",
		"etc/ssl/certs/ca-certificates.crt": "roots",
	}
	if diff := cmp.Diff(want, files(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSameContentsGiveTheSameImage(t *testing.T) {
	digest := func(c contents) v1.Hash {
		img, err := build(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if first, second := digest(sample), digest(sample); first != second {
		t.Error("two builds differ")
	}
	other := sample
	other.Binary = []byte("another")
	if digest(sample) == digest(other) {
		t.Error("another binary gives the same image")
	}
}

func TestWithoutRootsThereIsNoEmptyFile(t *testing.T) {
	bare := sample
	bare.Roots = nil
	img, err := build(bare)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := files(t, img)["etc/ssl/certs/ca-certificates.crt"]; ok {
		t.Error("an empty file of roots would make every CA untrusted, silently")
	}
}

func TestIsStatic(t *testing.T) {
	if _, err := isStatic([]byte("#!/bin/sh\n")); err == nil {
		t.Error("a script is taken for a binary")
	}
}

// files returns the one layer's files, and checks what is the same for all.
func files(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers: %v", len(layers), err)
	}
	unpacked, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()
	all := map[string]string{}
	for r := tar.NewReader(unpacked); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var data bytes.Buffer
		if _, err := io.Copy(&data, r); err != nil {
			t.Fatal(err)
		}
		all[header.Name] = data.String()
		if header.Uid != 0 || header.Mode&0o222 != 0 || !header.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s belongs to %d, has the mode %o and the time %s", header.Name, header.Uid, header.Mode, header.ModTime)
		}
	}
}
