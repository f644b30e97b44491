package syntax
import ("testing";"os";"encoding/json";"fmt")
func TestZZ(t *testing.T){
 d := os.Getenv("EST"); if d=="" {d="/tmp/est"}
 tr, l := Parse(os.DirFS(d))
 for _, f := range l { fmt.Printf("%s: %s [%s %s]\n    help: %s\n    %v %s fix=%v\n", f.Span, f.Message, f.Rule.Code, f.Rule.Name, f.Help, f.Objects, f.Field, f.Fix) }
 tr.Sources=nil
 if os.Getenv("DUMP")!="" {b,_ := json.MarshalIndent(tr,""," "); fmt.Println(string(b)) }
}
