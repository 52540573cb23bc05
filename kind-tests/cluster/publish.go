package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// A socket belongs to the network namespace in which it was made. So the host
// side makes the listener and a process inside the cluster's namespace, which
// inherits it, dials the inner address: no route or device joins the two.

func apiPublish(port int) string { return fmt.Sprintf("%d:127.0.0.1:%d", port, innerPort) }

// listen opens the host's side of HOSTPORT:ADDR:PORT and tells the port, which
// is a free one when HOSTPORT is 0.
func listen(publish string) (*os.File, int, error) {
	port, to, _ := strings.Cut(publish, ":")
	if _, _, err := net.SplitHostPort(to); err != nil {
		return nil, 0, fmt.Errorf("%q is not HOSTPORT:ADDR:PORT", publish)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, 0, err
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	return file, l.Addr().(*net.TCPAddr).Port, err
}

// forward carries each connection of the inherited listener to the address to.
func forward(file *os.File, to string) error {
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	for {
		outer, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer outer.Close()
			inner, err := net.Dial("tcp", to)
			if err != nil {
				return
			}
			defer inner.Close()
			done := make(chan struct{}, 2)
			pipe := func(dst, src net.Conn) {
				io.Copy(dst, src)
				dst.(*net.TCPConn).CloseWrite()
				done <- struct{}{}
			}
			go pipe(inner, outer)
			go pipe(outer, inner)
			<-done
			<-done
		}()
	}
}

// publishMore opens a port into the running cluster and serves it until it is ended.
func (c *cluster) publishMore(publish string) error {
	file, _, err := listen(publish)
	if err != nil {
		return err
	}
	fd, err := syscall.Dup(int(file.Fd())) // the copy survives exec
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	_, to, _ := strings.Cut(publish, ":")
	return c.enter(self, "forward", strconv.Itoa(fd), to)
}
