//go:build linux

package main

import (
	"os"
	_ "time/tzdata" // CronJobs may name a time zone

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kubecontrollermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"

	"github.com/certwright/certwright/test/cluster/internal/controlplane"
)

// kubectl is the name of the command line of Kubernetes.
const kubectl = "kubectl"

// programs are what this binary is when it is called by their name: the
// servers, which run until they are told to stop, and kubectl. Each returns its
// exit code.
var programs = map[string]func() int{
	controlplane.Etcd: func() int {
		etcdmain.Main(os.Args)
		return 0
	},
	controlplane.APIServer:         func() int { return cli.Run(kubeapiserver.NewAPIServerCommand()) },
	controlplane.ControllerManager: func() int { return cli.Run(kubecontrollermanager.NewControllerManagerCommand()) },
	kubectl: func() int {
		kubectlutil.CheckErr(cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand())) // exits as kubectl does
		return 0
	},
}
