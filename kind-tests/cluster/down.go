package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// down stops the cluster and removes everything it made, also what a crash or
// a failed up left. Without a cluster it does nothing.
func (c *cluster) down() error {
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	_, missing := c.running()
	if err := c.clean(); err != nil {
		return err
	}
	if err := os.RemoveAll(c.path(failedLogs)); err != nil {
		return err
	}
	os.Remove(c.dir) // if nothing else lies there
	if missing != nil {
		fmt.Printf("%v: nothing is left there\n", missing)
	} else {
		fmt.Printf("stopped and removed %s\n", c.dir)
	}
	return nil
}

// clean ends the cluster's processes and removes its control groups and files,
// but for the logs of a failed up.
func (c *cluster) clean() error {
	if s, err := c.running(); err == nil {
		// The kernel ends the whole PID namespace with its first process.
		syscall.Kill(s.PID, syscall.SIGTERM)
		for i := 0; startTime(s.PID) != "none"; i++ {
			if i == 50 { // five seconds
				syscall.Kill(s.PID, syscall.SIGKILL)
			}
			if i > 200 {
				return fmt.Errorf("process %d does not end", s.PID)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err := c.endGrouped(); err != nil {
		return err
	}
	if err := c.removeCgroups(); err != nil {
		return err
	}
	for _, name := range append([]string{stateFile, "kubeconfig", "containerd.sock", "containerd.sock.ttrpc",
		"pause.tar"}, made...) {
		if err := os.RemoveAll(c.path(name)); err != nil {
			return err
		}
	}
	for name := range files {
		os.Remove(c.path(name))
	}
	return nil
}

// endGrouped kills what is left in the cluster's control groups: all of it
// when up was killed before it could write down whom it started.
func (c *cluster) endGrouped() error {
	var pids []int
	for i := 0; i < 100; i++ {
		if pids = c.grouped(); len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("processes %v of %s do not end", pids, c.cgroup())
}
