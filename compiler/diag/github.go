package diag

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// annotations is how many commands of each level GitHub shows of a step. It drops further ones without a word.
const annotations = 10

// GitHub writes the outcome as workflow commands, which the runner of GitHub Actions makes annotations of:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions. Where there are more of a level than GitHub
// shows, the last one says how many more.
func GitHub(w io.Writer, o *Outcome) error {
	commands := map[Level][]string{}
	for _, c := range o.Checks {
		if c.Failure != "" {
			commands[Error] = append(commands[Error], command(Error, "title=writ", Visible(c.Failure)))
		}
	}
	for _, f := range o.ranked() {
		level := f.Rule.Severity()
		commands[level] = append(commands[level], o.annotation(f))
	}
	var b bytes.Buffer
	for _, level := range []Level{Error, Warning, Notice} {
		all := commands[level]
		if more := len(all) - (annotations - 1); more > 1 {
			message := fmt.Sprintf("and %d more %ss, which GitHub does not show; the formats text, sarif and junit have them", more, level)
			all = append(all[:annotations-1], command(level, "title=writ", message))
		}
		for _, c := range all {
			b.WriteString(c)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (o *Outcome) annotation(f *Finding) string {
	var properties []string
	if !f.Span.IsZero() {
		line, column, endColumn := o.region(f.Span)
		properties = append(
			properties, "file="+property(Visible(o.path(f.Span.File))),
			fmt.Sprintf("line=%d,endLine=%d,col=%d,endColumn=%d", line, line, column, endColumn),
		)
	}
	title := f.Rule.Code + " " + f.Rule.Name
	if !o.caused(f) {
		title += " (not of this change)"
	}
	properties = append(properties, "title="+property(title))
	message := advice(f)
	for _, related := range f.Related {
		at := related.Span.String() + ": "
		if related.Span.IsZero() {
			at = ""
		}
		message += "\nnote: " + Visible(at+related.Message)
	}
	return command(f.Rule.Severity(), strings.Join(properties, ","), message)
}

// command is one workflow command, a line. User text stands behind its `::`, where nothing ends it but the line's end.
func command(level Level, properties, message string) string {
	return "::" + level.String() + " " + properties + "::" + data.Replace(message) + "\n"
}

func property(s string) string { return inProperty.Replace(s) }

// The escapes of @actions/core, which the runner undoes. Each replacer looks at every character once, so that a `%0A` of the
// user stays one.
var (
	data       = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	inProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
