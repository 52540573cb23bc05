package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// cluster is one cluster: everything it makes lies in dir, in its namespaces
// and in its control group.
type cluster struct {
	dir     string
	port    int
	publish list
}

// state is what up writes for the other commands to find the supervisor.
type state struct {
	PID     int
	Start   string // the process's start time, so that a reused PID is no match
	Port    int
	Publish list
}

const (
	stateFile  = "state.json"
	failedLogs = "failed-logs" // what an up that failed leaves
)

// made names the directories that a cluster makes in its dir.
var made = []string{"pki", "cni", "sysctl", "log", "var-lib", "etcd", "volume-plugins"}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// cgroup names the cluster's control group.
func (c *cluster) cgroup() string {
	h := fnv.New32a()
	h.Write([]byte(c.dir))
	return fmt.Sprintf("localk8s-%08x", h.Sum32())
}

// running returns the state of the cluster whose supervisor is alive.
func (c *cluster) running() (state, error) {
	var s state
	data, err := os.ReadFile(c.path(stateFile))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil || s.Start != startTime(s.PID) {
		return s, fmt.Errorf("no cluster runs in %s", c.dir)
	}
	return s, nil
}

// startTime is field 22 of /proc/PID/stat, or "none" when there is no such process.
func startTime(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	if fields := strings.Fields(rest); len(fields) > 19 && fields[0] != "Z" {
		return fields[19]
	}
	return "none"
}

// lock keeps two commands from changing one cluster at a time. It locks the
// directory itself, so that there is no lock file to leave behind.
func (c *cluster) lock() (unlock func() error, err error) {
	for {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return nil, err
		}
		f, err := os.Open(c.dir)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			fmt.Fprintf(os.Stderr, "localk8s: waiting for another command on %s\n", c.dir)
			for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
				err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
			}
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", c.dir, err)
		}
		// Who held it before may have been a down that removed the directory.
		held, _ := f.Stat()
		if now, err := os.Stat(c.dir); err == nil && os.SameFile(held, now) {
			return f.Close, nil
		}
		f.Close()
	}
}

// checkHost says early, and all at once, what is missing.
func (c *cluster) checkHost() error {
	if os.Geteuid() != 0 {
		return errors.New("a local cluster needs root (namespaces, mounts, control groups)")
	}
	for _, hidden := range []string{"/proc", "/run", "/var/run", "/var/lib", "/var/log", "/sys"} {
		if strings.HasPrefix(c.dir+"/", hidden+"/") {
			return fmt.Errorf("--dir may not lie under %s: the cluster mounts its own there", hidden)
		}
	}
	if len(c.path("containerd.sock.ttrpc")) > 107 { // sun_path holds 108 bytes
		return fmt.Errorf("%s is too long for a unix socket in it", c.dir)
	}
	os.Setenv("PATH", programPath)
	var missing []string
	for _, program := range []string{"containerd", "ctr", "runc", "ip", "iptables", "conntrack", "nsenter", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback", "portmap"} {
		if _, err := os.Stat(filepath.Join(cniPlugins, plugin)); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, filepath.Join(cniPlugins, plugin))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s; setup.sh installs them", strings.Join(missing, ", "))
	}
	return nil
}
