// Command localk8s runs a real one-node Kubernetes in namespaces that have no
// way out, from this one binary and Debian's containerd, runc and CNI plugins.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const usage = `usage: localk8s <command>
  up         [--dir D] [--port P] [--publish HOSTPORT:ADDR:PORT]... [--fresh]
                                    start a cluster and wait until it is ready; leaves a healthy one alone
  down       [--dir D]              stop it and remove everything it made
  status     [--dir D]              its processes, their memory and CPU time
  publish    [--dir D] HOSTPORT:ADDR:PORT   open one more port of the host into it (foreground)
  exec       [--dir D] -- COMMAND...        run a command inside its namespaces
  image      --name REF... --out X.tar [--user N] [--workdir D] [--static] FILE:DEST...
                                    pack an image; the first pair is the entrypoint
  image load [--dir D] X.tar...     give images to the cluster; skips what it has
  kubectl | apiserver | controller-manager | scheduler | kubelet | proxy | etcd | dns   FLAGS...
--dir defaults to $LOCALK8S_DIR. FILE:DEST may be a folder; ":/DIR" is an empty
folder that all may write to; "->TARGET:/DEST" is a symbolic link.
`

// list collects the values of a repeated flag.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	if filepath.Base(os.Args[0]) == "kubectl" { // a symbolic link of that name works as kubectl
		runComponent("kubectl", os.Args[1:])
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "localk8s:", err)
		os.Exit(1)
	}
}

func run(command string, args []string) error {
	if command == "image" && len(args) > 0 && args[0] == "load" {
		command, args = "image load", args[1:]
	}
	var c cluster
	var fresh bool
	var image imageSpec
	fs := flag.NewFlagSet(command, flag.ExitOnError)
	fs.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	fs.StringVar(&c.dir, "dir", os.Getenv("LOCALK8S_DIR"), "the cluster's directory")
	fs.IntVar(&c.port, "port", 0, "the API server's port on the host's 127.0.0.1; 0: any free one")
	fs.Var(&c.publish, "publish", "HOSTPORT:ADDR:PORT, a port of 127.0.0.1 to carry to an address inside the cluster")
	fs.BoolVar(&fresh, "fresh", false, "tear down a running cluster first")
	fs.Var(&image.names, "name", "the image's full reference, may be repeated")
	fs.StringVar(&image.out, "out", "", "the archive to write")
	fs.IntVar(&image.user, "user", 65532, "the image's user id")
	fs.StringVar(&image.workdir, "workdir", "/", "the image's working directory")
	fs.BoolVar(&image.static, "static", false, "refuse an entrypoint that needs shared libraries")
	switch command {
	case "image":
		fs.Parse(args)
		return image.write(fs.Args())
	case "up", "down", "status", "publish", "exec", "image load", "supervise", "forward":
		fs.Parse(args)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		if !runComponent(command, args) {
			return fmt.Errorf("no command %q\n%s", command, usage)
		}
	}
	if c.dir == "" {
		return fmt.Errorf("which cluster? Give --dir or set LOCALK8S_DIR")
	}
	dir, err := filepath.Abs(c.dir)
	if err != nil {
		return err
	}
	c.dir = dir
	switch {
	case command == "up":
		return c.up(fresh)
	case command == "down":
		return c.down()
	case command == "status":
		return c.status()
	case command == "image load":
		return c.loadImages(fs.Args())
	case command == "supervise": // what up starts in the new namespaces
		return c.supervise()
	case command == "publish" && fs.NArg() == 1:
		return c.publishMore(fs.Arg(0))
	case command == "forward": // what publishMore becomes inside the network namespace
		fd, _ := strconv.Atoi(fs.Arg(0))
		return forward(os.NewFile(uintptr(fd), "listener"), fs.Arg(1))
	case command == "exec" && fs.NArg() > 0:
		return c.enter(fs.Args()...)
	}
	return fmt.Errorf("wrong arguments for %s\n%s", command, usage)
}

// enter replaces this process with a command inside the cluster's namespaces.
// It ends with the cluster, and when this process is killed.
func (c *cluster) enter(command ...string) error {
	s, err := c.running()
	if err != nil {
		return err
	}
	// nsenter has to fork into the PID namespace and passes no signal on.
	argv := append([]string{"nsenter", "-t", strconv.Itoa(s.PID), "-n", "-m", "-p", "-i", "-u", "--",
		"setpriv", "--pdeathsig", "TERM", "--"}, command...)
	env := append(os.Environ(), "KUBECONFIG="+c.path("pki/admin.kubeconfig"))
	return fmt.Errorf("nsenter: %w", syscall.Exec("/usr/bin/nsenter", argv, env))
}
