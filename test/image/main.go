// Image packs one static binary into a container image, as a file for docker
// load or ctr images import. It needs no container engine, and the same binary
// gives the same bytes.
//
//	go run ./test/image -binary bin/certwright -tag certwright/certwright:dev -o bin/certwright.tar
//
// The image holds the binary, the user that runs it (65532, not root), and the
// CA certificates of the machine that builds it, for ACME servers and issuers
// are checked against them.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run() error {
	binary := flag.String("binary", "", "the static binary")
	tag := flag.String("tag", "", "name and tag of the image")
	out := flag.String("o", "", "file to write")
	roots := flag.String("ca-certificates", "/etc/ssl/certs/ca-certificates.crt", "PEM file of the CAs to trust; left out where it does not exist")
	arch := flag.String("arch", runtime.GOARCH, "architecture of the binary")
	version := flag.String("version", "dev", "version, for the image's labels")
	flag.Parse()

	ref, err := name.NewTag(*tag)
	if err != nil {
		return fmt.Errorf("read -tag: %w", err)
	}
	c := contents{Name: ref.RepositoryStr(), Version: *version, Architecture: *arch}
	if c.Binary, err = readStatic(*binary); err != nil {
		return err
	}
	if c.Roots, err = os.ReadFile(*roots); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read CA certificates: %w", err)
	}
	img, err := build(c)
	if err != nil {
		return err
	}
	if err := tarball.WriteToFile(*out, ref, img); err != nil {
		return fmt.Errorf("write %s: %w", *out, err)
	}
	trust := "with the CA certificates of this machine"
	if len(c.Roots) == 0 {
		trust = "without CA certificates: " + *roots + " does not exist"
	}
	digest, err := img.Digest()
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	fmt.Printf("%s: %s@%s, %s\n", *out, *tag, digest, trust)
	return nil
}

func readStatic(path string) ([]byte, error) {
	binary, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read -binary: %w", err)
	}
	switch static, err := isStatic(binary); {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case !static:
		return nil, fmt.Errorf("%s is linked dynamically; build it with CGO_ENABLED=0", path)
	}
	return binary, nil
}
