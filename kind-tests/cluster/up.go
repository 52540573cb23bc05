package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	startLimit  = 2 * time.Minute
	healthLimit = 20 * time.Second
)

// up starts the cluster and returns when it is ready. A healthy running one is
// left alone. An up that fails or is interrupted leaves its logs and nothing else.
func (c *cluster) up(fresh bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := c.checkHost(); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if s, err := c.running(); err == nil && !fresh {
		return c.confirm(ctx, s)
	}
	if err := c.clean(); err != nil { // a running one, or what a crash left
		return err
	}
	os.RemoveAll(c.path(failedLogs))
	say := progress(time.Now())
	if err := c.bringUp(ctx, say); err != nil {
		os.Rename(c.path("log"), c.path(failedLogs))
		if e := c.clean(); e != nil {
			err = errors.Join(err, e)
		}
		if os.Remove(c.path(failedLogs)) == nil { // empty: nothing was started
			return err
		}
		return fmt.Errorf("%w\nthe logs are kept in %s", err, c.path(failedLogs))
	}
	say("cluster ready: export KUBECONFIG=" + c.path("kubeconfig"))
	return nil
}

// progress returns a printer of lines with the time since began.
func progress(began time.Time) func(string) {
	return func(line string) { fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), line) }
}

// confirm is up for a cluster that runs already: it has to be the one asked for, and healthy.
func (c *cluster) confirm(ctx context.Context, s state) error {
	if c.port != 0 && c.port != s.Port {
		return fmt.Errorf("a cluster runs in %s already, with port %d: --fresh replaces it", c.dir, s.Port)
	}
	for _, p := range c.publish {
		if !slices.Contains(s.Publish, p) {
			return fmt.Errorf("a cluster runs in %s already, without %s: --fresh replaces it", c.dir, p)
		}
	}
	if err := c.waitReady(ctx, healthLimit, func(string) {}); err != nil {
		return fmt.Errorf("a cluster runs in %s already, but %w: --fresh replaces it", c.dir, err)
	}
	fmt.Printf("a healthy cluster runs already: export KUBECONFIG=%s\n", c.path("kubeconfig"))
	return nil
}

// bringUp does the work of up, in order.
func (c *cluster) bringUp(ctx context.Context, say func(string)) error {
	for _, dir := range made {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	listeners, err := c.listeners() // first: the kubeconfig names the port
	if err != nil {
		return err
	}
	for _, l := range listeners {
		defer l.Close()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pause := imageSpec{names: list{pauseImage}, out: c.path("pause.tar"), user: 65535, static: true}
	for _, step := range []func() error{c.writePKI, c.writeFiles, c.makeCgroups, func() error {
		return pause.write([]string{filepath.Join(filepath.Dir(self), "pause") + ":/pause"})
	}} {
		if err := step(); err != nil {
			return err
		}
	}
	reports, err := c.launch(self, listeners)
	if err != nil {
		return err
	}
	defer reports.Close()
	if err := follow(ctx, reports, say); err != nil {
		return err
	}
	return c.waitReady(ctx, startLimit, say)
}

// listeners opens the host's side of the published ports, the API server's first.
func (c *cluster) listeners() ([]*os.File, error) {
	var files []*os.File
	for _, p := range append(list{apiPublish(c.port)}, c.publish...) {
		file, port, err := listen(p)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			c.port = port
		}
		files = append(files, file)
	}
	return files, nil
}

// launch starts the supervisor in new namespaces and returns the pipe on which it reports.
func (c *cluster) launch(self string, listeners []*os.File) (*os.File, error) {
	closeInherited()
	args := []string{"supervise", "--dir", c.dir, "--port", strconv.Itoa(c.port)}
	for _, p := range c.publish {
		args = append(args, "--publish", p)
	}
	out, err := os.Create(c.path("log/supervisor.log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	reports, reporter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reporter.Close()
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	cmd.ExtraFiles = append([]*os.File{reporter}, listeners...)
	// Nothing of the caller's surroundings, such as a proxy's address, is to reach the cluster.
	cmd.Env = []string{"PATH=" + programPath, "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS |
		syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS}
	leave, err := c.joinCgroups() // the child inherits this process's control groups
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the supervisor: %w", err)
	}
	data, err := json.Marshal(state{cmd.Process.Pid, startTime(cmd.Process.Pid), c.port, c.publish})
	if err != nil {
		return nil, err
	}
	return reports, os.WriteFile(c.path(stateFile), data, 0o600)
}

// closeInherited keeps file descriptors that a caller left open (a lock, make's
// job server) from living as long as the cluster.
func closeInherited() {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range fds {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// follow passes the supervisor's reports on until it says that all has started.
func follow(ctx context.Context, reports *os.File, say func(string)) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(reports); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	limit := time.After(startLimit)
	for {
		select {
		case line, ok := <-lines:
			failure, failed := strings.CutPrefix(line, "failed: ")
			switch {
			case !ok:
				return errors.New("the supervisor ended")
			case failed:
				return errors.New(failure)
			case line == "started":
				return nil
			}
			say(line)
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-limit:
			return fmt.Errorf("the cluster has not started after %v", startLimit)
		}
	}
}

// waitReady waits until the default service account exists and the node is
// ready, as seen through the published port.
func (c *cluster) waitReady(ctx context.Context, limit time.Duration, say func(string)) error {
	config, err := clientcmd.BuildConfigFromFlags("", c.path("kubeconfig"))
	if err != nil {
		return err
	}
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, wanted := range []struct {
		what  string
		ready func() error
	}{
		{"default service account", func() error {
			_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			return err
		}},
		{"node", func() error {
			node, err := client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, condition := range node.Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
					return nil
				}
			}
			return errors.New("the node is not ready")
		}},
	} {
		for last := wanted.ready(); last != nil; {
			if _, err := c.running(); err != nil {
				return errors.New("the supervisor ended")
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("not ready within %v: %s: %w", limit, wanted.what, last)
			case <-time.After(100 * time.Millisecond):
			}
			if err := wanted.ready(); err == nil || ctx.Err() == nil {
				last = err
			}
		}
		say(wanted.what + " ready")
	}
	return nil
}
