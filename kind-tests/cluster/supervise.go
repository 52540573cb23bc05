package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// supervise is PID 1 of the cluster's namespaces: it prepares mounts and
// network, starts the components, restarts those that end, and collects the
// orphans. When it ends, the kernel ends every process of the cluster with it.
//
// It reports to up on descriptor 3, a line for each step, and inherits the
// host's listeners as 4 and on.
func (c *cluster) supervise() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	closeInherited() // the components are not to hold the listeners open
	up := os.NewFile(3, "reports")
	r := &reaper{waiters: map[int]chan syscall.WaitStatus{}}
	go func() {
		if err := c.begin(r, up); err != nil {
			log.Print(err)
			fmt.Fprintf(up, "failed: %v\n", err)
			stop <- syscall.SIGTERM
		}
		up.Close()
	}()
	<-stop
	return nil // nothing is kept, so nothing needs an orderly end
}

// begin prepares the namespaces and starts everything.
func (c *cluster) begin(r *reaper, up io.Writer) error {
	if err := c.mounts(); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	go r.loop()
	if err := r.network(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	for i, p := range append(list{apiPublish(c.port)}, c.publish...) {
		_, to, _ := strings.Cut(p, ":")
		go forward(os.NewFile(uintptr(4+i), p), to)
	}
	if err := c.start(r, up); err != nil {
		return err
	}
	_, err := fmt.Fprintln(up, "started")
	return err
}

// start brings the components up in order, then the cluster's DNS service.
func (c *cluster) start(r *reaper, up io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, p := range c.components(self) {
		began := time.Now()
		go r.keep(c, p)
		if p.ready == "" {
			continue
		}
		for !c.answers(p.ready) {
			if time.Since(began) > time.Minute {
				return fmt.Errorf("%s does not answer at %s", p.name, p.ready)
			}
			time.Sleep(50 * time.Millisecond)
		}
		fmt.Fprintf(up, "%s ready\n", p.name)
		switch p.name {
		case "containerd": // the kubelet's sandbox image
			err = r.run("ctr", "-a", c.path("containerd.sock"), "-n", "k8s.io", "images", "import", c.path("pause.tar"))
		case "apiserver":
			err = r.run(self, "kubectl", "--kubeconfig", c.path("pki/admin.kubeconfig"), "apply", "-f", c.path("dns.yaml"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mounts gives the cluster its own /proc, /run, /var/lib and /var/log, and
// shows the kubelet the sysctls it insists on in place of the host's.
func (c *cluster) mounts() error {
	for _, kind := range []uintptr{syscall.MS_PRIVATE, syscall.MS_SHARED} { // cut from the host, then shared within
		if err := syscall.Mount("", "/", "", syscall.MS_REC|kind, ""); err != nil {
			return err
		}
	}
	resolver, err := filepath.EvalSymlinks("/etc/resolv.conf") // before /run is hidden: it may lie there
	if err != nil {
		resolver = "/etc/resolv.conf"
	}
	for _, m := range [][3]string{
		{"proc", "/proc", "proc"}, {"tmpfs", "/run", "tmpfs"},
		{c.path("var-lib"), "/var/lib", ""}, {c.path("log"), "/var/log", ""},
	} {
		flags := uintptr(0)
		if m[2] == "" {
			flags = syscall.MS_BIND
		}
		if err := syscall.Mount(m[0], m[1], m[2], flags, ""); err != nil {
			return fmt.Errorf("%s: %w", m[1], err)
		}
	}
	for name := range sysctls {
		from := c.path("sysctl/" + strings.ReplaceAll(name, "/", "."))
		if err := syscall.Mount(from, "/proc/sys/"+name, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	// Programs run by "exec" find the cluster's names as a pod in "default" does.
	if _, err := os.Stat(resolver); err != nil && strings.HasPrefix(resolver, "/run/") {
		os.MkdirAll(filepath.Dir(resolver), 0o755)
		os.WriteFile(resolver, nil, 0o644)
	}
	if err := syscall.Mount(c.path("exec-resolv.conf"), resolver, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", resolver, err)
	}
	return syscall.Sethostname([]byte(nodeName))
}

// network sets up the namespace: loopback and node0, with a route for the
// services and none to anywhere else.
func (r *reaper) network() error {
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/disable_ipv6": "1", "bridge/bridge-nf-call-iptables": "1",
	} {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil {
			return err
		}
	}
	for _, args := range []string{
		"link set lo up",
		"link add node0 type bridge",
		"addr add " + nodeIP + "/24 dev node0",
		"link set node0 up",
		"route add " + serviceCIDR + " dev node0",
	} {
		if err := r.run("ip", strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}

// answers tells whether a component's readiness URL or unix socket answers.
func (c *cluster) answers(ready string) bool {
	if filepath.IsAbs(ready) {
		conn, err := net.Dial("unix", ready)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	resp, err := c.client().Get(ready)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// client is the administrator's HTTP client.
func (c *cluster) client() *http.Client {
	pair, _ := tls.LoadX509KeyPair(c.path("pki/admin.crt"), c.path("pki/admin.key"))
	ca, _ := os.ReadFile(c.path("pki/ca.crt"))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}}
}

// reaper waits for every child of PID 1: the components, short commands, and
// orphans such as containers' shims.
type reaper struct {
	mu      sync.Mutex
	waiters map[int]chan syscall.WaitStatus
}

func (r *reaper) loop() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil { // no child yet
			time.Sleep(10 * time.Millisecond)
			continue
		}
		r.mu.Lock()
		ch := r.waiters[pid]
		delete(r.waiters, pid)
		r.mu.Unlock()
		if ch != nil {
			ch <- status
		}
	}
}

// spawn starts argv with its output in out.
func (r *reaper) spawn(out *os.File, argv ...string) (<-chan syscall.WaitStatus, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	ch := make(chan syscall.WaitStatus, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.waiters[cmd.Process.Pid] = ch
	return ch, nil
}

func (r *reaper) run(name string, args ...string) error {
	ch, err := r.spawn(os.Stderr, append([]string{name}, args...)...)
	if err != nil {
		return err
	}
	if status := <-ch; status.ExitStatus() != 0 {
		return fmt.Errorf("%s %v: exit status %d", name, args, status.ExitStatus())
	}
	return nil
}

// keep runs a component, and again a second after it ends.
func (r *reaper) keep(c *cluster, p component) {
	out := must(os.OpenFile(c.path("log/"+p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600))
	for {
		ch, err := r.spawn(out, p.argv...)
		if err != nil {
			log.Printf("%s: %v", p.name, err)
			return
		}
		log.Printf("%s ended: status %#x", p.name, <-ch)
		time.Sleep(time.Second)
	}
}
