package capture

import (
	"fmt"
	"math"

	"golang.org/x/net/bpf"
)

// A program is a BPF program being written, with labels to jump to. Jumps only
// go forward, as BPF demands.
type program struct {
	instructions []bpf.Instruction
	labels       map[string]int
	jumps        []jump
}

// A jump is an instruction whose target is not known yet.
type jump struct {
	at     int
	test   bpf.JumpTest
	value  uint32
	always bool
	to     string
}

func (p *program) add(i ...bpf.Instruction) { p.instructions = append(p.instructions, i...) }

// label names the place of the next instruction.
func (p *program) label(name string) {
	if p.labels == nil {
		p.labels = make(map[string]int)
	}
	p.labels[name] = len(p.instructions)
}

// jumpIf jumps if A and value pass the test, and goes on otherwise.
func (p *program) jumpIf(test bpf.JumpTest, value uint32, to string) {
	p.jumps = append(p.jumps, jump{at: len(p.instructions), test: test, value: value, to: to})
	p.add(nil)
}

// jump jumps always.
func (p *program) jump(to string) {
	p.jumps = append(p.jumps, jump{at: len(p.instructions), always: true, to: to})
	p.add(nil)
}

func (p *program) assemble() ([]bpf.RawInstruction, error) {
	for _, j := range p.jumps {
		target, ok := p.labels[j.to]
		skip := target - j.at - 1
		if !ok || skip < 0 || !j.always && skip > math.MaxUint8 {
			return nil, fmt.Errorf("instruction %d of the filter cannot jump to %s", j.at, j.to)
		}
		p.instructions[j.at] = j.instruction(skip)
	}
	return bpf.Assemble(p.instructions)
}

func (j jump) instruction(skip int) bpf.Instruction {
	if j.always {
		return bpf.Jump{Skip: uint32(skip)}
	}
	return bpf.JumpIf{Cond: j.test, Val: j.value, SkipTrue: uint8(skip)}
}
