package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

// Addresses inside the cluster's own network namespace; since every cluster
// has its own namespace, all of them use the same ones.
const (
	nodeName     = "localk8s"
	nodeIP       = "172.30.0.2" // on node0, a bridge without ports
	podCIDR      = "10.244.0.0/24"
	serviceCIDR  = "10.96.0.0/16"
	apiServiceIP = "10.96.0.1"
	dnsServiceIP = "10.96.0.10"
	innerPort    = 6443
	pauseImage   = "localk8s.local/pause:1"
	cniPlugins   = "/usr/lib/cni"
	programPath  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

func (c *cluster) base64(name string) string {
	return base64.StdEncoding.EncodeToString(must(os.ReadFile(c.path(name))))
}

// files are the configuration files of the cluster's programs. DIR stands for
// the cluster's directory and CGROUP for its control group.
var files = map[string]string{
	"containerd.toml": `version = 2
root = "/var/lib/containerd"   # both are the cluster's own: see mounts
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "DIR/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pauseImage + `"
  restrict_oom_score_adj = true      # root in a container or VM may lack CAP_SYS_RESOURCE
  enable_unprivileged_ports = true   # a nonroot container may listen on port 80
  enable_unprivileged_icmp = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "` + cniPlugins + `"
    conf_dir = "DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`,
	"cni/10-bridge.conflist": `{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "` + podCIDR + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
`,
	"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: DIR/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: DIR/pki/kubelet.crt
tlsPrivateKeyFile: DIR/pki/kubelet.key
containerRuntimeEndpoint: unix://DIR/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: CGROUP
protectKernelDefaults: true   # never write the host's sysctls: see mounts
clusterDNS: [` + dnsServiceIP + `]
clusterDomain: cluster.local
resolvConf: DIR/resolv.conf
volumePluginDir: DIR/volume-plugins
failSwapOn: false
maxOpenFiles: 20000
syncFrequency: 10s
imageGCHighThresholdPercent: 100   # no image can be fetched again
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
`,
	"proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: DIR/pki/proxy.kubeconfig}
mode: iptables
clusterCIDR: ` + podCIDR + `
conntrack: {maxPerCore: 0}   # that sysctl is the host's alone
`,
	"Corefile": `cluster.local in-addr.arpa {
    bind ` + nodeIP + `
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {
        kubeconfig DIR/pki/dns.kubeconfig
        ttl 5
    }
    cache 5
}
. {
    bind ` + nodeIP + `
    template ANY ANY . {  # no other name exists: answer so at once
        rcode NXDOMAIN
    }
}
`,
	// Every request once, when it is answered: tests count what a controller asks for.
	"audit-policy.yaml": `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`,
	"resolv.conf": "nameserver " + nodeIP + "\n",
	"exec-resolv.conf": "nameserver " + nodeIP + "\n" +
		"search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
	"dns.yaml": `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: system:coredns}
rules:
- {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: system:coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:coredns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: system:coredns}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  clusterIP: ` + dnsServiceIP + `
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [` + nodeIP + `], conditions: {ready: true}}]
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
`,
}

// sysctls are the values the kubelet wants; the host's own may differ and stay.
var sysctls = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
	"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

func (c *cluster) writeFiles() error {
	for name, text := range files {
		text = strings.NewReplacer("DIR", c.dir, "CGROUP", "/"+c.cgroup()).Replace(text)
		if err := os.WriteFile(c.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for name, value := range sysctls {
		if err := os.WriteFile(c.path("sysctl/"+strings.ReplaceAll(name, "/", ".")), []byte(value+"\n"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// component is a program of the cluster and how to see that it serves.
type component struct {
	name string
	argv []string
	// ready is a URL that answers 200, or a unix socket's path; empty: not waited for.
	ready string
}

// components lists the cluster's programs in the order of their start.
func (c *cluster) components(self string) []component {
	pki := c.path("pki") + "/"
	api := fmt.Sprintf("https://127.0.0.1:%d", innerPort)
	return []component{
		{"containerd", []string{"containerd", "--config", c.path("containerd.toml")}, c.path("containerd.sock")},
		{"etcd", []string{self, "etcd", "--data-dir", c.path("etcd"), "--unsafe-no-fsync", "--log-level=warn",
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380"}, "http://127.0.0.1:2379/health"},
		{"apiserver", []string{self, "apiserver", "--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address=" + nodeIP, fmt.Sprintf("--secure-port=%d", innerPort),
			"--service-cluster-ip-range=" + serviceCIDR, "--anonymous-auth=false", "--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true", "--profiling=false",
			"--client-ca-file=" + pki + "ca.crt",
			"--tls-cert-file=" + pki + "apiserver.crt", "--tls-private-key-file=" + pki + "apiserver.key",
			"--kubelet-certificate-authority=" + pki + "ca.crt", "--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=" + pki + "apiserver-kubelet.crt",
			"--kubelet-client-key=" + pki + "apiserver-kubelet.key",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + pki + "service-account.key",
			"--service-account-signing-key-file=" + pki + "service-account.key",
			"--requestheader-client-ca-file=" + pki + "front-proxy-ca.crt",
			"--requestheader-allowed-names=front-proxy-client", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--requestheader-group-headers=X-Remote-Group", "--requestheader-username-headers=X-Remote-User",
			// 500 MB are about half a million requests: no test meets a rotation.
			"--audit-policy-file=" + c.path("audit-policy.yaml"), "--audit-log-path=" + c.path("log/audit.log"),
			"--audit-log-maxsize=500", "--audit-log-maxbackup=3",
			"--proxy-client-cert-file=" + pki + "front-proxy.crt", "--proxy-client-key-file=" + pki + "front-proxy.key",
		}, api + "/readyz"},
		{"controller-manager", []string{self, "controller-manager", "--kubeconfig=" + pki + "controller-manager.kubeconfig",
			"--authentication-kubeconfig=" + pki + "controller-manager.kubeconfig",
			"--authorization-kubeconfig=" + pki + "controller-manager.kubeconfig",
			"--leader-elect=false", "--use-service-account-credentials", "--bind-address=127.0.0.1", "--profiling=false",
			"--kube-api-qps=300", "--kube-api-burst=600", // with the default 20 the controllers take 5 s to start
			"--allocate-node-cidrs", "--cluster-cidr=10.244.0.0/16", "--service-cluster-ip-range=" + serviceCIDR,
			"--root-ca-file=" + pki + "ca.crt", "--service-account-private-key-file=" + pki + "service-account.key",
			"--cluster-signing-cert-file=" + pki + "ca.crt", "--cluster-signing-key-file=" + pki + "ca.key",
			"--flex-volume-plugin-dir=" + c.path("volume-plugins")}, ""},
		{"scheduler", []string{self, "scheduler", "--kubeconfig=" + pki + "scheduler.kubeconfig",
			"--authentication-kubeconfig=" + pki + "scheduler.kubeconfig",
			"--authorization-kubeconfig=" + pki + "scheduler.kubeconfig",
			"--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"}, ""},
		{"kubelet", []string{self, "kubelet", "--config=" + c.path("kubelet.yaml"),
			"--kubeconfig=" + pki + "kubelet.kubeconfig", "--node-ip=" + nodeIP, "--hostname-override=" + nodeName}, ""},
		// Nobody sees how late it is, and a busy machine would make it seconds: callers would meet pods that have ended.
		{"proxy", []string{"nice", "-n", "-10", self, "proxy", "--config=" + c.path("proxy.yaml"),
			"--hostname-override=" + nodeName}, ""},
		{"dns", []string{self, "dns", "-conf", c.path("Corefile")}, "http://127.0.0.1:8181/ready"},
	}
}
