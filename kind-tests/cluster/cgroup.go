package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Control groups are not namespaced here, so each cluster has a group of its
// own at the top of every hierarchy: "system" in it holds the components, and
// the kubelet keeps the pods in "kubepods".

const cgroupRoot = "/sys/fs/cgroup"

// unified tells whether there is only the one hierarchy of version 2.
func unified() bool {
	_, err := os.Stat(cgroupRoot + "/cgroup.controllers")
	return err == nil
}

// hierarchies lists the mounted control group hierarchies.
func hierarchies() []string {
	if unified() {
		return []string{cgroupRoot}
	}
	all, _ := filepath.Glob(cgroupRoot + "/*/cgroup.procs")
	for i := range all {
		all[i] = filepath.Dir(all[i])
	}
	return all
}

func (c *cluster) makeCgroups() error {
	for _, h := range hierarchies() {
		for _, dir := range []string{filepath.Join(h, c.cgroup()), filepath.Join(h, c.cgroup(), "system")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if unified() { // a version 2 group has the controllers that the one above hands down
				handDown(filepath.Dir(dir))
				continue
			}
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // new cpusets are empty
				if value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file)); err == nil {
					if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// handDown enables every available controller for the groups below dir. One
// that cannot be (it may be in use by version 1) is left out.
func handDown(dir string) {
	controllers, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	for _, name := range strings.Fields(string(controllers)) {
		os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+name), 0o644)
	}
}

// joinCgroups moves this process into the cluster's groups; leave moves it back.
func (c *cluster) joinCgroups() (leave func(), err error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	before := map[string]string{} // hierarchy -> group
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		f := strings.SplitN(line, ":", 3)
		h := filepath.Join(cgroupRoot, strings.TrimPrefix(f[1], "name="))
		if f[1] == "" && !unified() {
			h = cgroupRoot + "/unified"
		}
		before[h] = f[2]
	}
	move := func(h, group string) error {
		return os.WriteFile(filepath.Join(h, group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644)
	}
	leave = func() {
		for _, h := range hierarchies() {
			move(h, before[h])
		}
	}
	for _, h := range hierarchies() {
		if err := move(h, filepath.Join(c.cgroup(), "system")); err != nil {
			leave()
			return nil, err
		}
	}
	return leave, nil
}

// grouped lists the processes in the cluster's groups.
func (c *cluster) grouped() []int {
	var pids []int
	for _, h := range hierarchies() {
		filepath.WalkDir(filepath.Join(h, c.cgroup()), func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			procs, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			for _, field := range strings.Fields(string(procs)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 && pid != os.Getpid() && startTime(pid) != "none" {
					pids = append(pids, pid)
				}
			}
			return nil
		})
	}
	slices.Sort(pids)
	return slices.Compact(pids)
}

// removeCgroups removes the cluster's groups, the deepest first. A group stays
// busy for a moment after its last process ended.
func (c *cluster) removeCgroups() error {
	var err error
	for i := 0; i < 50; i++ {
		err = nil
		for _, h := range hierarchies() {
			var dirs []string
			filepath.WalkDir(filepath.Join(h, c.cgroup()), func(path string, d os.DirEntry, walkErr error) error {
				if walkErr == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for n := len(dirs) - 1; n >= 0; n-- {
				if e := syscall.Rmdir(dirs[n]); e != nil {
					err = &os.PathError{Op: "rmdir", Path: dirs[n], Err: e}
				}
			}
		}
		if err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
