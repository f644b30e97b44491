//go:build unix

package compiler

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The page of a report as a privacy officer's browser has it: from the disk, without a network.
func TestThePageInABrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	now, before := privateEstate(t)
	r := registers(t, now, ReportOptions{Options: Options{Base: before}, BaseName: "main"})
	path := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(path, fileOf(t, r, "index.html"), 0o644); err != nil {
		t.Fatal(err)
	}
	b.open("file://" + path)

	rows := func() float64 {
		return b.number(`document.querySelectorAll("#access tbody:not([hidden])").length`)
	}
	if n := rows(); n != 3 {
		t.Errorf("%v accesses are shown", n)
	}
	if b.number(`document.querySelector("#access tr.detail").offsetHeight`) != 0 {
		t.Error("details are shown before somebody asks")
	}
	b.run(`document.querySelector("#access tr.entry td").click()`)
	if b.number(`document.querySelector("#access tr.detail").offsetHeight`) == 0 {
		t.Error("a click shows no details")
	}

	b.run(`document.getElementById("search").value = "Prescriptions READER"; document.getElementById("filters").requestSubmit()`)
	if n := rows(); n != 1 {
		t.Errorf("a search leaves %v accesses", n)
	}
	if told := b.text(`document.getElementById("told").textContent`); !strings.Contains(told, " of ") {
		t.Errorf("the page says %q of the search", told)
	}
	if b.number(`document.getElementById("declassifications").offsetHeight`) != 0 {
		t.Error("a register without a match is shown")
	}
	b.run(`document.getElementById("filters").reset()`)
	b.until(`document.querySelectorAll("#access tbody:not([hidden])").length === 3`)

	// A category stands for what lies below it and for what may hold it.
	for category, want := range map[string]float64{"user.contact": 2, "user.contact.address": 2, "user.health_and_medical": 1, "user": 3} {
		b.run(fmt.Sprintf(`{ const s = document.getElementById("filter-0"); s.value = %q; s.dispatchEvent(new Event("change")) }`, category))
		if n := rows(); n != want {
			t.Errorf("%v accesses have to do with %s, want %v", n, category, want)
		}
	}
	b.run(`{ const s = document.getElementById("filter-0"); s.value = ""; const c = document.getElementById("filter-2"); c.value = "US"; c.dispatchEvent(new Event("change")) }`)
	if n := rows(); n != 1 {
		t.Errorf("%v accesses have to do with the US", n)
	}

	var pdf struct{ Data string }
	b.call("Page.printToPDF", map[string]any{"preferCSSPageSize": true}, &pdf)
	data, err := base64.StdEncoding.DecodeString(pdf.Data)
	if err != nil || !strings.HasPrefix(string(data), "%PDF-") {
		t.Errorf("no PDF: %.20q, %v", data, err)
	}
	for _, url := range b.requests {
		if url != "file://"+path {
			t.Errorf("the page loads %s", url)
		}
	}
	for _, complaint := range b.complaints {
		t.Errorf("the browser complains: %s", complaint)
	}

	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open("file://" + path)
	if b.number(`document.querySelector("#access tr.detail").offsetHeight`) == 0 || b.number(`document.getElementById("filters").offsetHeight`) != 0 {
		t.Error("without scripts the page is not whole, or has filters that do nothing")
	}
}

// browser is a Chromium that is driven over two pipes (--remote-debugging-pipe), by the Chrome DevTools Protocol.
type browser struct {
	t          *testing.T
	to         *os.File
	messages   chan message
	last       int
	session    string
	requests   []string
	complaints []string
	loaded     int
}

type message struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// patience is how long a browser may take for an answer, on the slowest machine.
const patience = 2 * time.Minute

func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := os.Getenv("CHROMIUM_BIN")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		t.Skip("no Chromium: set CHROMIUM_BIN, or install one as `chromium`")
	}
	profile, err := os.MkdirTemp("", "writ-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) }) // in which its last processes may write for a moment after it
	args := []string{"--headless", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--disable-background-networking", "--user-data-dir=" + profile}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // which Chromium asks of root
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.ExtraFiles = []*os.File{in, out}
	if err := cmd.Start(); err != nil {
		t.Skipf("%s does not start: %v", path, err)
	}
	in.Close()
	out.Close()
	b := &browser{t: t, to: to, messages: make(chan message, 1000)}
	t.Cleanup(func() {
		b.send("Browser.close", nil)
		kill := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		to.Close()
		from.Close()
	})
	go b.read(from)
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Network", "Log", "Runtime"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// read hands on what the browser says, until it ends.
func (b *browser) read(from *os.File) {
	defer close(b.messages)
	in := bufio.NewReader(from)
	for {
		data, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(data[:len(data)-1], &m) == nil {
			b.messages <- m
		}
	}
}

func (b *browser) send(method string, params any) int {
	b.last++
	m := map[string]any{"id": b.last, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		m["sessionId"] = b.session
	}
	data, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = b.to.Write(append(data, 0)) // of a browser that is gone no answer comes
	return b.last
}

// next is the next message, with what it says of the page kept.
func (b *browser) next() message {
	b.t.Helper()
	select {
	case m, open := <-b.messages:
		if !open {
			b.t.Fatal("the browser is gone")
		}
		var p struct {
			Request struct{ URL string }
			Entry   struct{ Text string }
		}
		_ = json.Unmarshal(m.Params, &p)
		switch m.Method {
		case "Page.loadEventFired":
			b.loaded++
		case "Network.requestWillBeSent":
			b.requests = append(b.requests, p.Request.URL)
		case "Log.entryAdded":
			b.complaints = append(b.complaints, p.Entry.Text)
		case "Runtime.exceptionThrown":
			b.complaints = append(b.complaints, string(m.Params))
		}
		return m
	case <-time.After(patience):
		b.t.Fatal("the browser does not answer")
		return message{}
	}
}

func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	id := b.send(method, params)
	for {
		m := b.next()
		if m.ID != id {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

// open loads a page, and returns when that is done.
func (b *browser) open(url string) {
	b.t.Helper()
	before := b.loaded
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	for b.loaded == before {
		b.next()
	}
}

func (b *browser) evaluate(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct{ Text string }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails.Text)
	}
	return r.Result.Value
}

func (b *browser) run(script string) { b.t.Helper(); b.evaluate(script) }

func (b *browser) number(expression string) float64 {
	b.t.Helper()
	n, ok := b.evaluate(expression).(float64)
	if !ok {
		b.t.Fatalf("%s is no number", expression)
	}
	return n
}

func (b *browser) text(expression string) string {
	b.t.Helper()
	s, _ := b.evaluate(expression).(string)
	return s
}

// until waits for what the page does in its own time.
func (b *browser) until(condition string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for b.evaluate(condition) != true {
		if time.Now().After(end) {
			b.t.Fatalf("never: %s", condition)
		}
	}
}
