package main

import (
	"flag"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the programs print into the files that it is compared with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certctl": main, "kubectl-certwright": main, "kubectl-cert_manager": main})
}

func TestManual(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update})
}
