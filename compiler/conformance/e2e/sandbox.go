package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"writ.dev/writ/compiler/conformance/e2e/parts"
)

// sandbox is a world of its own: the network, the mounts and the processes of a run, which end with it. Its folder holds what they
// read and write; logs are what they print.
type sandbox struct {
	folder string

	mu    sync.Mutex
	procs []*process
}

// command is what a process runs.
type command struct {
	path string
	args []string
	env  []string
	dir  string
	// pod is whose network namespace it runs in, nil for that of the control planes.
	pod *pod
	uid int // 0 for root
}

// process is one that was started, in a group of its own.
type process struct {
	name, log string
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has ended
	err       error
}

// router is the address that pods send everything to, as pods of most networks do. It keeps small the kernel's table of neighbours,
// which is one for all namespaces and has room for 1,024 at most unless told (gc_thresh3).
const router = "198.18.0.1"

// newSandbox sets up the network of this process, which has just been put into namespaces of its own. The parts move into the sandbox:
// sidecars run as somebody who cannot look into the cache of whoever runs the tests.
func newSandbox(folder string, p *parts.Parts) (*sandbox, error) {
	s := &sandbox{folder: folder}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, err
	}
	for name, path := range p.Programs {
		if err := s.shell(fmt.Sprintf("mkdir -p %[1]s && touch %[1]s/%[2]s && mount --bind %[3]s %[1]s/%[2]s", s.path("bin"), name, path)); err != nil {
			return nil, err
		}
		p.Programs[name] = s.path("bin", name)
	}
	// iproute2 keeps namespaces below /run, and iptables its lock.
	return s, s.shell(`
		mount -t tmpfs none /run && mkdir -p /run/netns
		ip link set lo up
		# An earlier sandbox of this process may have left its links.
		ip -o link show | sed -nE 's/^[0-9]+: (vp[^@:]+|br0).*/\1/p' | while read -r old; do ip link del "$old"; done
		ip link add br0 type bridge && ip link set br0 up
		echo 1 > /proc/sys/net/ipv4/ip_forward
		for scope in all default br0; do echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects; done
	`)
}

// listenOn gives the control planes' namespace an address.
func (s *sandbox) listenOn(address string) error {
	return s.shell("ip addr add " + address + "/16 dev br0")
}

func (s *sandbox) shell(script string) error {
	out, err := exec.Command("sh", "-euc", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s\n%s", err, script, out)
	}
	return nil
}

func (s *sandbox) path(parts ...string) string {
	return filepath.Join(append([]string{s.folder}, parts...)...)
}

// write makes a file of the sandbox, and the folders above it.
func (s *sandbox) write(content string, parts ...string) error {
	path := s.path(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// command is ready to run, wherever its pod is.
func (c *command) command(ctx context.Context) *exec.Cmd {
	args := append([]string{c.path}, c.args...)
	if c.uid != 0 {
		id := fmt.Sprint(c.uid)
		args = append([]string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--"}, args...)
	}
	if c.pod != nil {
		enter := `mount --bind "$0" /etc/hosts && exec "$@"`
		args = append([]string{"ip", "netns", "exec", c.pod.netns(), "sh", "-c", enter, c.pod.hosts}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// start starts a process whose output goes to a log of its name, behind what an earlier one of that name printed.
func (s *sandbox) start(name string, c command) (*process, error) {
	p := &process{name: name, log: s.path("logs", name+".log"), done: make(chan struct{})}
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := log.Chown(c.uid, c.uid); err != nil { // Envoy opens its standard output anew, as whoever it is
		return nil, err
	}
	if c.dir == "" {
		c.dir = s.folder
	}
	p.cmd = c.command(context.Background())
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.procs = append(s.procs, p)
	return p, nil
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process and its children at once, and waits until it is gone.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // which may be gone already
	<-p.done
}

// stop ends the process as an operator would, and by force where that takes long.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
	}
	p.kill()
}

// close stops what still runs, the last one first.
func (s *sandbox) close() {
	var all sync.WaitGroup
	for _, p := range s.procs {
		all.Go(p.kill)
	}
	all.Wait()
}

// run runs a command to its end and returns what it printed.
func (c command) run(ctx context.Context, in io.Reader) ([]byte, error) {
	cmd := c.command(ctx)
	cmd.Stdin = in
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(c.path), strings.Join(c.args, " "), err, out, complaints.String())
	}
	return out, nil
}

// patience is how long anything may take to be ready, on the slowest machine.
const patience = 3 * time.Minute

// until waits for something that takes its time, unless one of the processes ends that it depends on.
func until(ctx context.Context, what string, ready func() error, on ...*process) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		for _, p := range on {
			if p.ended() {
				return fmt.Errorf("%s: %s ended (%v):\n%s", what, p.name, p.err, tail(p.log))
			}
		}
		select {
		case <-ctx.Done():
			for _, p := range on {
				err = fmt.Errorf("%w\n%s says:\n%s", err, p.name, tail(p.log))
			}
			return fmt.Errorf("%s: %w: %w", what, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// listening waits for a port.
func listening(ctx context.Context, address string, p *process) error {
	return until(ctx, p.name, func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	}, p)
}

// tail is the end of a log.
func tail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// memory is the resident memory of all processes of the sandbox, in bytes: those of its process namespace, this one among them.
func memory() (int64, error) {
	all, err := filepath.Glob("/proc/[0-9]*/statm")
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, path := range all {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		var size, resident int64
		if _, err := fmt.Sscan(string(data), &size, &resident); err != nil {
			return 0, err
		}
		sum += resident * int64(os.Getpagesize())
	}
	return sum, nil
}
