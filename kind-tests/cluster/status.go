package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// status prints where the cluster is and each of its processes with its memory
// (RSS, and PSS, which counts shared pages once) and the CPU time it has used.
func (c *cluster) status() error {
	s, err := c.running()
	if err != nil {
		return err
	}
	fmt.Printf("%s: supervisor %d, API server https://127.0.0.1:%d, control group %s, logs in %s\n",
		c.dir, s.PID, s.Port, c.cgroup(), c.path("log"))
	var sumRSS, sumPSS, sumCPU float64
	for _, p := range members(s.PID) {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		argv := strings.Split(string(cmdline), "\x00")
		name := filepath.Base(argv[0])
		if name == "localk8s" && len(argv) > 1 {
			name = argv[1]
		}
		rss, pss := memory(p)
		cpu := cpuSeconds(p)
		fmt.Printf("%7d %-24.24s rss %7.1f MB  pss %7.1f MB  cpu %7.2f s\n", p, name, rss, pss, cpu)
		sumRSS, sumPSS, sumCPU = sumRSS+rss, sumPSS+pss, sumCPU+cpu
	}
	fmt.Printf("%7s %-24s rss %7.1f MB  pss %7.1f MB  cpu %7.2f s\n", "", "total", sumRSS, sumPSS, sumCPU)
	return nil
}

// members lists the processes in the PID namespace that supervisor leads.
func members(supervisor int) []int {
	own, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid_for_children", supervisor))
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if ns, err := os.Readlink(dir + "/ns/pid"); err == nil && ns == own {
			p, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, p)
		}
	}
	sort.Ints(pids)
	return pids
}

// memory returns a process's resident and proportional set sizes in MB.
func memory(pid int) (rss, pss float64) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			kb, _ := strconv.ParseFloat(f[1], 64)
			switch f[0] {
			case "Rss:":
				rss = kb / 1024
			case "Pss:":
				pss = kb / 1024
			}
		}
	}
	return rss, pss
}

// cpuSeconds is the user and system time of a process; a tick is 10 ms.
func cpuSeconds(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}
