//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "devcluster: needs Linux: its servers end with it by a parent-death signal")
	os.Exit(1)
}
