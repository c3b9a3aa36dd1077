package main

import "math"

const (
	epsilon   = 2e-4 // how far a ray starts off a surface, in a scene of radius 1
	far       = 1e9
	bounces   = 4
	panes     = 16  // see-through surfaces that a ray may pass
	brightest = 8.0 // the most that one path may bring
	fogStart  = 3.0 // distance from the middle at which the ground begins to fade into the sky
	fogEnd    = 12.0
)

// path is a ray on its way back from the camera to the lights.
type path struct {
	from, dir vec
	weight    vec  // what share of the light found counts
	sharp     bool // it comes from the camera or a mirror: lamps are seen as such
}

// radiance is the light that a camera ray finds. Where it first meets a glossy
// surface it is followed both ways, mirrored and scattered: most noise would
// come from choosing there.
// What it met is added to seen.
func (s *scene) radiance(from, dir vec, seen *first, rnd *sampler) vec {
	p := path{from: from, dir: dir, weight: vec{1, 1, 1}, sharp: true}
	sf, got, ok := s.advance(&p, rnd)
	if !ok {
		seen.albedo, seen.depth = seen.albedo.add(vec{1, 1, 1}), seen.depth+2*fogEnd
		return got
	}
	seen.albedo, seen.normal = seen.albedo.add(sf.mat.diffuse), seen.normal.add(sf.normal)
	seen.depth += sf.at.sub(from).length()
	got = got.add(s.direct(&sf, &p, rnd))
	mirrored := sf.mat.fresnel(sf.normal, dir)
	scattered := vec{1, 1, 1}.sub(mirrored).mul(sf.mat.diffuse)
	if mirrored.most() > 0 {
		if next, ok := sf.mirror(&p, mirrored, rnd); ok {
			got = got.add(s.follow(next, rnd))
		}
	}
	if next, ok := sf.scatter(&p, scattered, rnd); ok {
		got = got.add(s.follow(next, rnd))
	}
	return got
}

// follow is the light that the rest of a path finds.
func (s *scene) follow(p path, rnd *sampler) vec {
	var got vec
	for bounce := 1; bounce < bounces; bounce++ {
		sf, light, ok := s.advance(&p, rnd)
		got = got.add(light)
		if !ok {
			break
		}
		got = got.add(s.direct(&sf, &p, rnd))
		mirrored := sf.mat.fresnel(sf.normal, p.dir)
		if chance := mirrored.most(); chance > 0 && rnd.next() < chance {
			p, ok = sf.mirror(&p, mirrored.scale(1/chance), rnd)
		} else {
			p, ok = sf.scatter(&p, vec{1, 1, 1}.sub(mirrored).mul(sf.mat.diffuse).scale(1/(1-chance)), rnd)
		}
		if !ok {
			break
		}
		// Weak paths are ended by lot, the others of their kind count for more.
		if keep := min(1, 1.5*p.weight.most()); bounce >= 1 {
			if rnd.next() >= keep {
				break
			}
			p.weight = p.weight.scale(1 / keep)
		}
	}
	return dim(got)
}

// dim takes from one path what is brighter than all else: fewer bright specks.
func dim(got vec) vec {
	if m := got.most(); m > brightest {
		return got.scale(brightest / m)
	}
	return got
}

// advance takes the path to the next surface that stops it; on the way it may
// pass through panes. Without one (ok is false) the light is all there is.
func (s *scene) advance(p *path, rnd *sampler) (sf surface, light vec, ok bool) {
	for range panes {
		h := s.tree.nearest(p.from, p.dir, far)
		onGround := false
		if p.dir.y < 0 {
			if t := (s.ground - p.from.y) / p.dir.y; t > 0 && t < h.t {
				h.t, onGround = t, true
			}
		}
		switch {
		case onGround:
			sf = groundAt(p.from.add(p.dir.scale(h.t)))
			fog := (math.Sqrt(sf.at.x*sf.at.x+sf.at.z*sf.at.z) - fogStart) / (fogEnd - fogStart)
			if fog > 0 {
				fog = min(1, fog)
				fog = fog * (2 - fog)
				light = light.add(s.sky.horizon.mul(p.weight).scale(fog))
				p.weight = p.weight.scale(1 - fog)
			}
			return sf, light, fog < 1
		case h.tri < 0:
			return sf, light.add(s.sky.colour(p.dir).mul(p.weight)), false
		}
		sf = s.surfaceOf(h, p.from, p.dir)
		if p.sharp {
			light = light.add(sf.mat.glow.mul(p.weight))
		}
		if sf.mat.opacity >= 1 || rnd.next() < sf.mat.opacity {
			return sf, light, true
		}
		p.from = sf.at.sub(sf.face.scale(epsilon))
	}
	return sf, light, false
}

// direct is the light of the sun and of one lamp that a surface sends back
// along the path.
func (s *scene) direct(sf *surface, p *path, rnd *sampler) vec {
	var got vec
	start := sf.at.add(sf.face.scale(epsilon))
	if s.sky.sun.most() > 0 {
		u, v := rnd.two()
		to := s.sky.sample(u, v)
		if sf.face.dot(to) > 0 && sf.normal.dot(to) > 0 && to.y > 0 && !s.tree.blocked(start, to, far) {
			got = s.sky.sun.mul(sf.reflected(p.dir, to))
		}
	}
	if len(s.lamps.list) > 0 {
		u, v := rnd.two()
		at, of := s.lamps.sample(rnd.next(), u, v)
		to := at.sub(start)
		distance := to.length()
		to = to.scale(1 / max(distance, 1e-9))
		facing := math.Abs(of.normal.dot(to))
		if distance > 2*epsilon && facing > 0 && sf.face.dot(to) > 0 && sf.normal.dot(to) > 0 &&
			to.y*distance+start.y > s.ground && !s.tree.blocked(start, to, distance-2*epsilon) {
			strength := facing / (math.Pi * distance * distance * of.density)
			got = got.add(of.glow.mul(sf.diffused(p.dir, to)).scale(strength))
		}
	}
	return got.mul(p.weight)
}
