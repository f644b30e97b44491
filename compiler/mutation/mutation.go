// Package mutation plants faults in packages of writ, one at a time, so that a test can say which of them no test would notice.
//
// All faults are planted at once and switched by a number: every condition, and every statement that can go, becomes a question
// to a package that only the instrumented build has. One build then holds thousands of mutants, and trying one costs no more than
// the tests that reach it.
package mutation

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Fault is one change of the program.
type Fault struct {
	ID int // from 1
	// Place is file:line, Function the function around it.
	Place    string
	Function string
	// Change says what is different, in the program's own text, like `name == "" is always true`.
	Change string
}

// Key identifies the fault over changes elsewhere in its file.
func (f Fault) Key() string {
	file, _, _ := strings.Cut(f.Place, ":")
	return file + " " + f.Function + ": " + f.Change
}

// HookPath is the import path of the package that the instrumented files ask.
const HookPath = "writ.dev/writ/compiler/mutation/planted"

// Plant instruments the Go files of the folder, tests excepted. Numbers of faults go on from first.
func Plant(dir string, first int) (files map[string][]byte, faults []Fault, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	p := &planter{next: first}
	files = map[string][]byte{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if files[name], err = p.file(name); err != nil {
			return nil, nil, err
		}
	}
	return files, p.faults, nil
}

// planter instruments one file after the other.
type planter struct {
	next   int
	faults []Fault

	fset     *token.FileSet
	source   []byte
	name     string
	function string
	planted  bool
}

func (p *planter) file(name string) ([]byte, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	p.fset, p.source, p.planted = token.NewFileSet(), source, false
	p.name = filepath.ToSlash(filepath.Join(filepath.Base(filepath.Dir(name)), filepath.Base(name)))
	file, err := parser.ParseFile(p.fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			p.function = nameOf(f)
			p.block(f.Body.List)
		}
	}
	if !p.planted {
		return source, nil
	}
	return p.print(file)
}

// print is the instrumented file. Comments within functions would be printed into the middle of what is new; those outside hold
// directives, like go:embed.
func (p *planter) print(file *ast.File) ([]byte, error) {
	file.Comments = slices.DeleteFunc(file.Comments, func(c *ast.CommentGroup) bool {
		return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return ok && f.Body != nil && f.Body.Pos() < c.Pos() && c.End() <= f.Body.End()
		})
	})
	var out bytes.Buffer
	out.WriteByte('\n')
	if err := format.Node(&out, p.fset, file); err != nil {
		return nil, err
	}
	clause := "\npackage " + file.Name.Name + "\n"
	hooked := clause + "import " + strconv.Quote(HookPath) + "\n"
	return bytes.Replace(out.Bytes(), []byte(clause), []byte(hooked), 1), nil
}

func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	return t.(*ast.Ident).Name + "." + f.Name.Name
}

// plant notes a fault and returns its number.
func (p *planter) plant(at ast.Node, change string) int {
	p.planted = true
	id := p.next
	p.next++
	pos := p.fset.Position(at.Pos())
	p.faults = append(p.faults, Fault{ID: id, Place: fmt.Sprintf("%s:%d", p.name, pos.Line), Function: p.function, Change: change})
	return id
}

// text is the node as it is written, on one line. It has to be asked for before the node's parts are replaced.
func (p *planter) text(n ast.Node) string {
	text := string(p.source[p.fset.Position(n.Pos()).Offset:p.fset.Position(n.End()).Offset])
	return strings.Join(strings.Fields(text), " ")
}

func call(name string, id int, args ...ast.Expr) *ast.CallExpr {
	number := &ast.BasicLit{Kind: token.INT, Value: strconv.Itoa(id)}
	return &ast.CallExpr{
		Fun:  &ast.SelectorExpr{X: ast.NewIdent("planted"), Sel: ast.NewIdent(name)},
		Args: append([]ast.Expr{number}, args...),
	}
}

// condition is the expression with every condition in it that can be forced, each to true and to false. Comparisons of order can
// take in their bound besides, or leave it out.
func (p *planter) condition(e ast.Expr) ast.Expr {
	switch x := e.(type) {
	case *ast.ParenExpr:
		x.X = p.condition(x.X)
		return x
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			x.X = p.condition(x.X)
			return x
		}
	case *ast.BinaryExpr:
		if x.Op == token.LAND || x.Op == token.LOR {
			x.X, x.Y = p.condition(x.X), p.condition(x.Y)
			return x
		}
	}
	text := p.text(e)
	id := p.plant(e, text+" is always true")
	p.plant(e, text+" is always false")
	return call("Forced", id, p.bound(e))
}

// other is the operator that takes in its bound where op leaves it out, and the other way.
var other = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

func (p *planter) bound(e ast.Expr) ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok {
		if op, ordered := other[b.Op]; ordered && pure(b.X) && pure(b.Y) {
			id := p.plant(e, fmt.Sprintf("%s is %s", p.text(e), op))
			return call("Either", id, e, &ast.BinaryExpr{X: b.X, Op: op, Y: b.Y})
		}
	}
	p.inside(e)
	return e
}

// pure reports whether evaluating the expression twice is the same as once.
func pure(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.Ident, *ast.BasicLit:
		return true
	case *ast.SelectorExpr:
		return pure(x.X)
	case *ast.BinaryExpr:
		return pure(x.X) && pure(x.Y)
	case *ast.CallExpr:
		name, ok := x.Fun.(*ast.Ident)
		return ok && name.Name == "len" && pure(x.Args[0])
	default:
		return false
	}
}

// inside plants in functions that are written within an expression.
func (p *planter) inside(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncLit); ok {
			p.block(f.Body.List)
			return false
		}
		return true
	})
}

// logical reports whether the expression is written as a condition: its type is then bool, whatever its parts are.
func logical(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.ParenExpr:
		return logical(x.X)
	case *ast.UnaryExpr:
		return x.Op == token.NOT
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			return true
		}
	}
	return false
}

// value plants in an expression whose value is used.
func (p *planter) value(e ast.Expr) ast.Expr {
	if logical(e) {
		return p.condition(e)
	}
	p.inside(e)
	return e
}

func (p *planter) block(list []ast.Stmt) {
	for i, s := range list {
		list[i] = p.statement(s)
	}
}

// statement plants in a statement, and makes it one that can go where the program still compiles without it.
func (p *planter) statement(s ast.Stmt) ast.Stmt {
	removable, text := false, p.text(s)
	switch x := s.(type) {
	case *ast.ExprStmt:
		p.inside(x.X)
		removable = !isPanic(x.X)
	case *ast.AssignStmt:
		for i := range x.Rhs {
			x.Rhs[i] = p.value(x.Rhs[i])
		}
		removable = x.Tok != token.DEFINE
	case *ast.IncDecStmt:
		removable = true
	case *ast.BranchStmt:
		removable = x.Tok == token.CONTINUE
	case *ast.ReturnStmt:
		for i := range x.Results {
			x.Results[i] = p.value(x.Results[i])
		}
	case *ast.DeferStmt:
		p.inside(x.Call)
	default:
		p.compound(s)
	}
	if !removable {
		return s
	}
	there := call("There", p.plant(s, text+" is gone"))
	return &ast.IfStmt{If: s.Pos(), Cond: there, Body: &ast.BlockStmt{Lbrace: s.Pos(), List: []ast.Stmt{s}, Rbrace: s.End()}}
}

// compound plants in a statement that holds others. Conditions of loops stay: a loop without end is noticed by nothing but time.
func (p *planter) compound(s ast.Stmt) {
	switch x := s.(type) {
	case *ast.BlockStmt:
		p.block(x.List)
	case *ast.IfStmt:
		p.branch(x)
	case *ast.ForStmt:
		p.block(x.Body.List)
	case *ast.RangeStmt:
		p.inside(x.X)
		p.block(x.Body.List)
	case *ast.SwitchStmt:
		for _, c := range x.Body.List {
			clause := c.(*ast.CaseClause)
			if x.Tag == nil {
				for i := range clause.List {
					clause.List[i] = p.condition(clause.List[i])
				}
			}
			p.block(clause.Body)
		}
	case *ast.TypeSwitchStmt:
		for _, c := range x.Body.List {
			p.block(c.(*ast.CaseClause).Body)
		}
	}
}

func (p *planter) branch(x *ast.IfStmt) {
	if assign, ok := x.Init.(*ast.AssignStmt); ok {
		for i := range assign.Rhs {
			assign.Rhs[i] = p.value(assign.Rhs[i])
		}
	}
	x.Cond = p.condition(x.Cond)
	p.block(x.Body.List)
	if x.Else != nil {
		p.compound(x.Else)
	}
}

func isPanic(e ast.Expr) bool {
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := c.Fun.(*ast.Ident)
	return ok && name.Name == "panic"
}
