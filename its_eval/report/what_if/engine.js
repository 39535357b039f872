/* The declared model of one unit, fitted again in the reader's browser.
 *
 * Segmented regression with autoregressive errors of order 1 or 2, restricted maximum likelihood, first-order
 * Kenward-Roger standard errors and Satterthwaite degrees of freedom (docs/methods.md); at a bound of the
 * autocorrelation the differenced model. It follows the definitions with dense matrices and shares nothing with
 * the package, whose numbers it has to show at the declared settings: tests/reference/test_what_if.py holds it
 * to 1e-6 standard errors. No library, no network, nothing evaluated from text.
 *
 * A matrix is an array of rows. Periods count from 0; an unused one has used[t] = false.
 */
"use strict";

const WhatIf = (() => {
  const BOUNDS = { 1: [[-0.8, 0.99]], 2: [[-0.5, 0.975], [-0.6, 0.7]] };
  const BOUND_MARGIN = 1e-3;
  const SECOND_ORDER_FROM = 48;
  const NEEDED = { slope: 8, step: 3 };

  class CannotFit extends Error {}

  /* ---- matrices ------------------------------------------------------------------------------------- */

  function zeros(rows, columns) {
    const out = new Array(rows);
    for (let i = 0; i < rows; i++) out[i] = new Float64Array(columns);
    return out;
  }

  function multiply(a, b) {
    const rows = a.length, inner = b.length, columns = inner ? b[0].length : 0;
    const out = zeros(rows, columns);
    for (let i = 0; i < rows; i++) {
      const to = out[i], from = a[i];
      for (let l = 0; l < inner; l++) {
        const factor = from[l];
        if (factor === 0) continue;
        const row = b[l];
        for (let j = 0; j < columns; j++) to[j] += factor * row[j];
      }
    }
    return out;
  }

  function transpose(a) {
    const out = zeros(a.length ? a[0].length : 0, a.length);
    for (let i = 0; i < a.length; i++) for (let j = 0; j < out.length; j++) out[j][i] = a[i][j];
    return out;
  }

  function minus(a, b) {
    const out = zeros(a.length, a[0].length);
    for (let i = 0; i < a.length; i++) for (let j = 0; j < out[i].length; j++) out[i][j] = a[i][j] - b[i][j];
    return out;
  }

  const apply = (a, x) => a.map((row) => dot(row, x));

  function dot(x, y) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
    return sum;
  }

  const quadratic = (a, x) => dot(apply(a, x), x);

  /* Lower Cholesky factor of a symmetric matrix, or null where it is not positive definite. */
  function cholesky(a) {
    const n = a.length, factor = zeros(n, n);
    for (let i = 0; i < n; i++) {
      const row = factor[i];
      for (let j = 0; j <= i; j++) {
        const other = factor[j];
        let sum = a[i][j];
        for (let l = 0; l < j; l++) sum -= row[l] * other[l];
        if (i === j) {
          if (!(sum > 0)) return null;
          row[i] = Math.sqrt(sum);
        } else row[j] = sum / other[j];
      }
    }
    return factor;
  }

  const logDeterminant = (factor) => 2 * factor.reduce((sum, row, i) => sum + Math.log(row[i]), 0);

  /* Solve A x = b by A's Cholesky factor. */
  function solve(factor, b) {
    const n = factor.length, x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      let sum = x[i];
      for (let l = 0; l < i; l++) sum -= factor[i][l] * x[l];
      x[i] = sum / factor[i][i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i];
      for (let l = i + 1; l < n; l++) sum -= factor[l][i] * x[l];
      x[i] = sum / factor[i][i];
    }
    return x;
  }

  /* Inverse of A by its Cholesky factor L: A^-1 = L^-T L^-1. */
  function inverse(factor) {
    const n = factor.length, lower = zeros(n, n), out = zeros(n, n);
    for (let i = 0; i < n; i++) {
      const to = lower[i], row = factor[i];
      for (let l = 0; l < i; l++) {
        const value = row[l];
        if (value === 0) continue;
        const from = lower[l];
        for (let j = 0; j <= l; j++) to[j] -= value * from[j];
      }
      to[i] = 1;
      for (let j = 0; j <= i; j++) to[j] /= row[i];
    }
    for (let l = 0; l < n; l++) {
      const row = lower[l];
      for (let i = 0; i <= l; i++) {
        const value = row[i], to = out[i];
        for (let j = 0; j <= i; j++) to[j] += value * row[j];
      }
    }
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) out[i][j] = out[j][i];
    return out;
  }

  /* Orthonormal columns Q and triangular R of a tall matrix, by modified Gram-Schmidt done twice. */
  function orthogonalise(x) {
    const n = x.length, k = x[0].length;
    const columns = Array.from({ length: k }, (_, j) => Float64Array.from(x, (row) => row[j]));
    const triangular = zeros(k, k);
    for (let j = 0; j < k; j++) {
      const column = columns[j], size = Math.sqrt(dot(column, column));
      for (let turn = 0; turn < 2; turn++) {
        for (let l = 0; l < j; l++) {
          const share = dot(columns[l], column);
          triangular[l][j] += share;
          for (let i = 0; i < n; i++) column[i] -= share * columns[l][i];
        }
      }
      const left = Math.sqrt(dot(column, column));
      if (!(left > 1e-9 * size)) return null;
      triangular[j][j] = left;
      for (let i = 0; i < n; i++) column[i] /= left;
    }
    return { basis: columns, triangular };
  }

  function solveTriangular(triangular, b) {
    const x = Float64Array.from(b);
    for (let i = x.length - 1; i >= 0; i--) {
      for (let l = i + 1; l < x.length; l++) x[i] -= triangular[i][l] * x[l];
      x[i] /= triangular[i][i];
    }
    return x;
  }

  /* Least squares of y on the columns of x: coefficients, residuals, and the orthogonal parts. */
  function leastSquares(x, y) {
    const parts = orthogonalise(x);
    if (!parts) throw new CannotFit("terms cannot be told apart with these months");
    const residuals = Float64Array.from(y), shares = new Float64Array(parts.basis.length);
    for (let turn = 0; turn < 2; turn++) {
      parts.basis.forEach((column, j) => {
        const share = dot(column, residuals);
        shares[j] += share;
        for (let i = 0; i < residuals.length; i++) residuals[i] -= share * column[i];
      });
    }
    return { ...parts, residuals, coefficients: solveTriangular(parts.triangular, shares) };
  }

  /* ---- Student's t ---------------------------------------------------------------------------------- */

  /* Logarithm of the gamma function: Stirling's series, from the argument moved above 12. */
  function logGamma(x) {
    let shift = 0;
    while (x < 12) shift -= Math.log(x++);
    const square = 1 / (x * x);
    const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / x;
    return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
  }

  /* Regularised incomplete beta function by Lentz's continued fraction (DLMF 8.17.22). */
  function incompleteBeta(x, a, b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
    const front = Math.exp(
      a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a;
    const tiny = 1e-300, guard = (value) => (Math.abs(value) < tiny ? tiny : value);
    let c = 1, d = 1 / guard(1 - ((a + b) * x) / (a + 1)), sum = d;
    for (let m = 1; m < 500; m++) {
      const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / guard(1 + even * d);
      c = guard(1 + even / c);
      sum *= c * d;
      const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / guard(1 + odd * d);
      c = guard(1 + odd / c);
      const step = c * d;
      sum *= step;
      if (Math.abs(step - 1) < 1e-16) break;
    }
    return front * sum;
  }

  /* Two-sided probability; of a small t from the other tail, where its square is not lost beside df. */
  function twoSided(t, df) {
    const square = t * t;
    return square < 1 ? 1 - incompleteBeta(square / (df + square), 0.5, df / 2)
      : incompleteBeta(df / (df + square), df / 2, 0.5);
  }

  /* t with two-sided probability alpha: bisection on a bracket, then Newton's steps. */
  function quantile(alpha, df) {
    let low = 0, high = 1;
    while (twoSided(high, df) > alpha) high *= 2;
    for (let step = 0; step < 40; step++) {
      const middle = (low + high) / 2;
      if (twoSided(middle, df) > alpha) low = middle;
      else high = middle;
    }
    let t = (low + high) / 2;
    const scale = logGamma((df + 1) / 2) - logGamma(df / 2) - 0.5 * Math.log(df * Math.PI);
    for (let step = 0; step < 3; step++) {
      const density = 2 * Math.exp(scale - ((df + 1) / 2) * Math.log1p((t * t) / df));
      t += (twoSided(t, df) - alpha) / density;
    }
    return t;
  }

  /* ---- autoregressive errors ------------------------------------------------------------------------ */

  /* Coefficients f = (-1, phi) of a process with partial autocorrelations r, and their derivatives. */
  function signed(r) {
    if (r.length === 1) return { f: [-1, r[0]], first: [[0, 1]] };
    return { f: [-1, r[0] * (1 - r[1]), r[1]], first: [[0, 1 - r[1], 0], [0, -r[0], 1]] };
  }

  /* Autocorrelations at lags below n, and their derivatives by r: the Yule-Walker recursion. */
  function autocorrelations(r, n) {
    const { f, first } = signed(r), order = r.length;
    const rho = new Float64Array(Math.max(n, 2)), slopes = first.map(() => new Float64Array(Math.max(n, 2)));
    rho[0] = 1;
    rho[1] = r[0];
    slopes[0][1] = 1;
    for (let lag = 2; lag < n; lag++) {
      for (let back = 1; back <= order; back++) {
        rho[lag] += f[back] * rho[lag - back];
        slopes.forEach((slope, a) => {
          slope[lag] += first[a][back] * rho[lag - back] + f[back] * slope[lag - back];
        });
      }
    }
    return { rho, slopes };
  }

  /* Weights of the forms S_ij, i <= j, in the inverse covariance, and their derivatives (Box & Jenkins A7.4). */
  function precisionWeights(r) {
    const { f, first } = signed(r), weights = [], slopes = first.map(() => []);
    for (let i = 0; i < f.length; i++) {
      for (let j = i; j < f.length; j++) {
        const times = i === j ? 1 : 2;
        weights.push(times * f[i] * f[j]);
        slopes.forEach((slope, a) => slope.push(times * (first[a][i] * f[j] + f[i] * first[a][j])));
      }
    }
    return { weights, slopes };
  }

  /* Forms S_ij of columns: sum over s of u_{i+s} v_{j+s}, symmetric. */
  function lagForms(columns, order) {
    const n = columns[0].length, size = columns.length, forms = [];
    for (let i = 0; i <= order; i++) {
      for (let j = i; j <= order; j++) {
        const form = zeros(size, size);
        for (let a = 0; a < size; a++) {
          for (let b = 0; b <= a; b++) {
            const u = columns[a], v = columns[b];
            let sum = 0;
            for (let s = 0; s < n - i - j; s++) sum += u[i + s] * v[j + s] + v[i + s] * u[j + s];
            form[a][b] = form[b][a] = sum / 2;
          }
        }
        forms.push(form);
      }
    }
    return forms;
  }

  function combine(forms, weights) {
    const size = forms[0].length, out = zeros(size, size);
    forms.forEach((form, number) => {
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) out[i][j] += weights[number] * form[i][j];
    });
    return out;
  }

  /* -2 log restricted likelihood up to a constant and its gradient, as functions of r.
   *
   * Unused periods inside the series are indicator columns, which equals leaving them out. */
  function restrictedLikelihood(columns, order, df) {
    const forms = lagForms(columns, order), size = columns.length - 1;
    return (r, wantGradient) => {
      const { weights, slopes } = precisionWeights(r);
      const form = combine(forms, weights);
      const factor = cholesky(form.slice(0, size));
      if (!factor) return { value: Infinity, gradient: r.map(() => NaN) };
      const g = solve(factor, form[size].subarray(0, size));
      const rss = form[size][size] - dot(g, form[size]);
      const determinant = r.reduce((sum, value, j) => sum + (j + 1) * Math.log1p(-value * value), 0);
      const value = df * Math.log(rss) + logDeterminant(factor) - determinant;
      if (!wantGradient) return { value };
      const residual = new Float64Array(size + 1);
      for (let i = 0; i < size; i++) residual[i] = -g[i];
      residual[size] = 1;
      const inner = inverse(factor);
      const gradient = slopes.map((slope, a) => {
        const moved = combine(forms, slope);
        let trace = 0;
        for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) trace += inner[i][j] * moved[i][j];
        return (df * quadratic(moved, residual)) / rss + trace + (2 * (a + 1) * r[a]) / (1 - r[a] * r[a]);
      });
      return { value, gradient };
    };
  }

  function axis(low, high, n) {
    // dense near the upper bound, where the likelihood bends most
    const to = (value) => Math.log((low - 0.6 - value) / (value - high - 0.03));
    const from = (x) => (low - 0.6 + Math.exp(x) * (high + 0.03)) / (1 + Math.exp(x));
    const first = to(low), last = to(high);
    return Array.from({ length: n }, (_, i) =>
      i === 0 ? low : i === n - 1 ? high : from(first + ((last - first) * i) / (n - 1)));
  }

  /* Root of a rising function in a bracket: Illinois' false position, then what is left by bisection. */
  function root(f, low, high) {
    let atLow = f(low), atHigh = f(high);
    if (atLow >= 0) return low;
    if (atHigh <= 0) return high;
    let side = 0;
    for (let step = 0; step < 200 && high - low > 1e-14; step++) {
      let middle = (low * atHigh - high * atLow) / (atHigh - atLow);
      if (step % 8 === 7 || !(middle > low && middle < high)) middle = (low + high) / 2;
      const value = f(middle);
      if (value === 0) return middle;
      if (value > 0) {
        high = middle;
        atHigh = value;
        if (side === 1) atLow /= 2;
        side = 1;
      } else {
        low = middle;
        atLow = value;
        if (side === -1) atHigh /= 2;
        side = -1;
      }
    }
    return (low + high) / 2;
  }

  /* Partial autocorrelations of largest restricted likelihood: every local optimum of a grid is refined. */
  function maximise(likelihood, order) {
    const bounds = BOUNDS[order];
    const axes = order === 1 ? [axis(...bounds[0], 120)] : [axis(...bounds[0], 34), axis(...bounds[1], 26)];
    const across = order === 1 ? 1 : axes[1].length;
    const points = axes[0].flatMap((x) => (order === 1 ? [[x]] : axes[1].map((y) => [x, y])));
    const values = points.map((point) => likelihood(point, false).value);
    let best = { value: Infinity, r: null };
    points.forEach((point, place) => {
      const i = Math.floor(place / across), j = place % across;
      for (let a = -1; a <= 1; a++) {
        for (let b = order === 1 ? 0 : -1; b <= (order === 1 ? 0 : 1); b++) {
          const inside = i + a >= 0 && i + a < axes[0].length && j + b >= 0 && j + b < across;
          if (inside && values[(i + a) * across + j + b] < values[place]) return;
        }
      }
      const r = order === 1
        ? [root((x) => likelihood([x], true).gradient[0], axes[0][Math.max(i - 1, 0)],
          axes[0][Math.min(i + 1, axes[0].length - 1)])]
        : polish(likelihood, point, bounds);
      const value = likelihood(r, false).value;
      if (value < best.value) best = { value, r };
    });
    return best.r;
  }

  /* Newton's steps within bounds, with the slope of the gradient taken by differences. */
  function polish(likelihood, start, bounds) {
    let r = start.slice(), now = likelihood(r, true);
    for (let step = 0; step < 60; step++) {
      const held = r.map((x, a) => (x <= bounds[a][0] && now.gradient[a] > 0)
        || (x >= bounds[a][1] && now.gradient[a] < 0));
      const free = [0, 1].filter((a) => !held[a]);
      if (!free.length) break;
      const slope = free.map((a) => {
        const up = r.slice(), down = r.slice();
        up[a] += 1e-6;
        down[a] -= 1e-6;
        const high = likelihood(up, true).gradient, low = likelihood(down, true).gradient;
        return free.map((b) => (high[b] - low[b]) / 2e-6);
      });
      const gradient = free.map((a) => now.gradient[a]);
      let move;
      const determinant = free.length === 2 ? slope[0][0] * slope[1][1] - slope[0][1] * slope[1][0] : slope[0][0];
      if (slope[0][0] > 0 && determinant > 0) {
        move = free.length === 1 ? [-gradient[0] / slope[0][0]] : [
          (-gradient[0] * slope[1][1] + gradient[1] * slope[0][1]) / determinant,
          (-gradient[1] * slope[0][0] + gradient[0] * slope[1][0]) / determinant];
      } else {
        const size = Math.hypot(...gradient);
        move = gradient.map((value) => (-0.02 * value) / size);
      }
      let next = null, trial = null;
      for (let shrink = 1; shrink > 1e-9; shrink /= 2) {
        trial = r.slice();
        free.forEach((a, place) => {
          trial[a] = Math.min(Math.max(r[a] + shrink * move[place], bounds[a][0]), bounds[a][1]);
        });
        next = likelihood(trial, true);
        if (next.value <= now.value + 1e-12 * Math.abs(now.value)) break;
      }
      const moved = Math.max(...trial.map((x, a) => Math.abs(x - r[a])));
      r = trial;
      now = next;
      if (moved < 1e-13) break;
    }
    return r;
  }

  /* ---- Kenward-Roger -------------------------------------------------------------------------------- */

  /* Coefficients with model and adjusted covariance for V = variance * U(theta), from dense matrices.
   *
   * x, y: used periods. unit: U. slopes: dU/dtheta of the parameters that are not known. */
  function kenwardRoger(x, y, unit, slopes) {
    const n = x.length, k = x[0].length;
    const factor = cholesky(unit);
    if (!factor) throw new CannotFit("the error model has no covariance here");
    const whole = inverse(factor), half = multiply(whole, x), xt = transpose(x);
    const inner = multiply(xt, half), innerFactor = cholesky(inner);
    if (!innerFactor) throw new CannotFit("terms cannot be told apart with these months");
    const bread = inverse(innerFactor);
    const params = apply(bread, apply(transpose(half), y));
    const residuals = y.map((value, i) => value - dot(x[i], params));
    const variance = dot(residuals, apply(whole, residuals)) / (n - k);
    const scaled = (matrix, by) => matrix.map((row) => row.map((value) => value * by));
    const model = scaled(bread, variance);
    const result = { params, model, adjusted: model, gradients: [model], spread: [[2 / (n - k)]], df: n - k, variance };
    if (!slopes.length) return { ...result, exact: true };

    const taken = multiply(multiply(half, bread), transpose(half));
    const projection = minus(whole, taken);
    const products = slopes.map((slope) => multiply(projection, slope));
    const trace = (a) => a.reduce((sum, row, i) => sum + row[i], 0);
    const crossTrace = (a, b) => {
      let sum = 0;
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sum += a[i][j] * b[j][i];
      return sum;
    };
    const q = slopes.length, information = zeros(q + 1, q + 1);
    information[0][0] = (n - k) / 2;
    for (let a = 0; a < q; a++) {
      information[0][a + 1] = information[a + 1][0] = trace(products[a]) / 2;
      for (let b = 0; b <= a; b++) {
        information[a + 1][b + 1] = information[b + 1][a + 1] = crossTrace(products[a], products[b]) / 2;
      }
    }
    const spreadFactor = cholesky(information);
    if (!spreadFactor) throw new CannotFit("the autocorrelation cannot be told from these months");
    const spread = inverse(spreadFactor);
    const moved = slopes.map((slope) => multiply(slope, half));
    const first = moved.map((matrix) => multiply(transpose(half), matrix));
    const excess = zeros(k, k);
    for (let a = 0; a < q; a++) {
      for (let b = 0; b < q; b++) {
        const outer = multiply(transpose(moved[a]), multiply(whole, moved[b]));
        const within = multiply(multiply(first[a], bread), first[b]);
        for (let i = 0; i < k; i++) {
          for (let j = 0; j < k; j++) excess[i][j] += spread[a + 1][b + 1] * (outer[i][j] - within[i][j]);
        }
      }
    }
    const added = multiply(multiply(bread, excess), bread);
    result.adjusted = bread.map((row, i) => row.map((value, j) => variance * (value + added[i][j] + added[j][i])));
    result.gradients = [model, ...first.map((matrix) => scaled(multiply(multiply(bread, matrix), bread), variance))];
    result.spread = spread;
    return { ...result, exact: false };
  }

  /* Estimate, standard error, degrees of freedom, p and interval of a contrast of the coefficients. */
  function contrast(fit, c, confidence = 0.95) {
    const estimate = dot(c, fit.params);
    const variance = quadratic(fit.model, c);
    const se = Math.sqrt(Math.max(quadratic(fit.adjusted, c), variance, 0));
    let df = fit.df;
    if (!fit.exact) {
      const gradient = fit.gradients.map((matrix) => quadratic(matrix, c));
      const spread = quadratic(fit.spread, gradient);
      if (spread > 0) df = Math.min(Math.max((2 * variance * variance) / spread, 1), fit.df);
    }
    const p = twoSided(estimate / se, df), reach = quantile(1 - confidence, df) * se;
    return { estimate, se, df, p, low: estimate - reach, high: estimate + reach };
  }

  /* ---- fits ----------------------------------------------------------------------------------------- */

  /* Restricted maximum likelihood; at a bound of the autocorrelation the differenced model.
   *
   * x: (n, k) over all periods; y: (n); used: (n) booleans; order: 1, 2 or "auto"; relative: variance of each
   * period over their geometric mean, or null. */
  function fit(x, y, used, order, relative = null) {
    const times = used.flatMap((here, t) => (here ? [t] : [])), k = x[0].length;
    const p = order === "auto" ? (times.length >= SECOND_ORDER_FROM ? 2 : 1) : order;
    if (times.length < k + p + 1) {
      throw new CannotFit(`${times.length} months are used and the model has ${k} terms: too few`);
    }
    const root = times.map((t) => (relative ? Math.sqrt(relative[t]) : 1));
    const rows = times.map((t, i) => Float64Array.from(x[t], (value) => value / root[i]));
    const values = times.map((t, i) => y[t] / root[i]);
    const { basis, residuals } = leastSquares(rows, values);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const about = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    if (dot(residuals, residuals) <= Math.max(1e-20 * about, (64 * 2 ** -52) ** 2 * dot(values, values))) {
      throw new CannotFit("the line goes through every month: nothing is left to judge it by");
    }
    const first = times[0], n = times[times.length - 1] - first + 1;
    const spanned = (column) => {
      const out = new Float64Array(n);
      times.forEach((t, i) => { out[t - first] = column[i]; });
      return out;
    };
    const columns = basis.map(spanned);
    for (let t = 0; t < n; t++) {
      if (used[first + t]) continue;
      const indicator = new Float64Array(n);
      indicator[t] = 1;
      columns.push(indicator);
    }
    columns.push(spanned(residuals));
    const r = maximise(restrictedLikelihood(columns, p, times.length - k), p);
    const stuck = r.some((value, a) => value <= BOUNDS[p][a][0] + BOUND_MARGIN
      || value >= BOUNDS[p][a][1] - BOUND_MARGIN);
    if (stuck) return { ...randomWalk(x, y, times, relative), partials: r, order: p, inference: "random_walk" };
    const { rho, slopes } = autocorrelations(r, n);
    const at = (lags) => times.map((s) => Float64Array.from(times, (t) => lags[Math.abs(s - t)]));
    const found = kenwardRoger(rows, values, at(rho), slopes.map(at));
    return { ...found, partials: r, order: p, inference: "kr1" };
  }

  /* Errors that are a random walk: least squares of differences; with weights noise is added to the walk. */
  function randomWalk(x, y, times, relative) {
    const apart = times.slice(1).map((t, i) => t - times[i]);
    if (!relative) {
      const step = (value) => times.map((t, i) => (i ? (value(t) - value(times[i - 1])) / Math.sqrt(apart[i - 1])
        : value(t)));
      const rows = times.map(() => new Float64Array(x[0].length));
      for (let j = 0; j < x[0].length; j++) step((t) => x[t][j]).forEach((value, i) => { rows[i][j] = value; });
      const values = step((t) => y[t]);
      const unit = times.map((_, i) => Float64Array.from(times, (__, j) => (i === j ? 1 : 0)));
      return kenwardRoger(rows, values, unit, []);
    }
    const rows = times.map((t) => Float64Array.from(x[t])), values = times.map((t) => y[t]);
    const place = times.map((t) => t - times[0] + 1);
    const centre = place.reduce((sum, value) => sum + value, 0) / place.length;
    const walk = place.map((s) => Float64Array.from(place, (t) => Math.min(s, t) / centre));
    const mix = (share) => walk.map((row, i) =>
      row.map((value, j) => share * value + (i === j ? (1 - share) * relative[times[i]] : 0)));
    const slope = walk.map((row, i) => row.map((value, j) => value - (i === j ? relative[times[i]] : 0)));
    const df = times.length - x[0].length;
    const objective = (share) => {
      const factor = cholesky(mix(share));
      if (!factor) return Infinity;
      const half = rows[0].length ? transpose(rows).map((column) => solve(factor, column)) : [];
      const inner = half.map((column) => Float64Array.from(rows[0], (_, j) =>
        rows.reduce((sum, row, i) => sum + column[i] * row[j], 0)));
      const innerFactor = cholesky(inner);
      if (!innerFactor) return Infinity;
      const projected = half.map((column) => dot(column, values));
      const beta = solve(innerFactor, projected);
      const residuals = values.map((value, i) => value - dot(rows[i], beta));
      return df * Math.log(dot(residuals, solve(factor, residuals))) + logDeterminant(factor)
        + logDeterminant(innerFactor);
    };
    const score = (share) => {
      const unit = mix(share), factor = cholesky(unit), whole = inverse(factor);
      const half = multiply(whole, rows), bread = inverse(cholesky(multiply(transpose(rows), half)));
      const taken = multiply(multiply(half, bread), transpose(half));
      const projection = minus(whole, taken);
      const white = apply(projection, values);
      let trace = 0;
      for (let i = 0; i < slope.length; i++) trace += dot(projection[i], slope[i]);
      return trace - (df * quadratic(slope, white)) / dot(white, values);
    };
    const shares = [0, ...Array.from({ length: 43 }, (_, i) => 1 / (1 + Math.exp(12 - i * 0.5))), 1];
    const heights = shares.map(objective);
    let best = 0;
    heights.forEach((value, place) => { if (value < heights[best]) best = place; });
    let share = shares[best];
    if (best === 0 || best === shares.length - 1) {
      const near = best ? shares[best - 1] : shares[1];
      const inside = best ? root(score, near, share) : root(score, share, near);
      if (objective(inside) < heights[best] - 1e-9) share = inside;
    } else share = root(score, shares[best - 1], shares[best + 1]);
    const edge = share === 0 || share === 1;
    return { ...kenwardRoger(rows, values, mix(share), edge ? [] : [slope]), share };
  }

  /* ---- designs and series --------------------------------------------------------------------------- */

  /* Matrix of one interruption or several: constant, trend, step and slope of each, season, covariates.
   *
   * interruptions: {start, shape, phase_in, ramp}, the one under evaluation first. Returns the matrix, the
   * periods that may be used, and the columns of the first interruption. */
  function design(study) {
    const n = study.periods.length, main = study.interruptions[0];
    const usable = study.masked.map((masked) => !masked);
    const columns = [Array(n).fill(1)];
    columns.push(Array.from({ length: n }, (_, t) => t - main.start));
    const own = [];
    study.interruptions.forEach((item, number) => {
      const full = item.start + item.phase_in;
      for (let t = 0; t < n; t++) if (!item.ramp && t >= item.start && t < full) usable[t] = false;
      const places = {};
      if (item.shape !== "slope") {
        places.level = columns.push(Array.from({ length: n }, (_, t) => (item.ramp && item.phase_in
          ? Math.min(Math.max((t - item.start + 1) / item.phase_in, 0), 1) : Number(t >= full)))) - 1;
      }
      if (item.shape !== "step") {
        places.slope = columns.push(Array.from({ length: n }, (_, t) => Math.max(t - full, 0))) - 1;
      }
      own[number] = places;
    });
    if (study.season) study.seasonal.forEach((column) => columns.push(column));
    const matrix = Array.from({ length: n }, (_, t) => Float64Array.from(columns, (column) => column[t]));
    return { matrix, usable, own };
  }

  /* Means of peers by period: plain, or the period effects of a two-way layout where values are missing. */
  function peerMean(peers, usable) {
    const n = usable.length;
    if (peers.every((values) => values.every((value) => value !== null))) {
      return usable.map((_, t) => peers.reduce((sum, values) => sum + values[t], 0) / peers.length);
    }
    const known = peers.map((values) => values.map((value, t) => value !== null && usable[t]));
    const count = usable.map((_, t) => known.reduce((sum, row) => sum + Number(row[t]), 0));
    const centre = (column, t) => (count[t] ? column.reduce((sum, value) => sum + value, 0) / count[t] : 0);
    const means = usable.map((_, t) => centre(peers.map((values, j) => (known[j][t] ? values[t] : 0)), t));
    const J = peers.length, normal = zeros(J, J), right = new Float64Array(J);
    for (let t = 0; t < n; t++) {
      for (let j = 0; j < J; j++) {
        if (!known[j][t]) continue;
        right[j] += peers[j][t] - means[t];
        normal[j][j] += 1;
        for (let l = 0; l < J; l++) if (known[l][t]) normal[j][l] -= 1 / count[t];
      }
    }
    // effects that sum to zero: the matrix of ones takes the place of the one direction it does not see
    for (let j = 0; j < J; j++) for (let l = 0; l < J; l++) normal[j][l] += 1 / J;
    const factor = cholesky(normal);
    if (!factor) throw new CannotFit("these peers have too few months in common");
    const effects = solve(factor, right);
    return usable.map((_, t) => {
      const observed = peers.filter((values) => values[t] !== null);
      if (!count[t]) return observed.length ? observed.reduce((s, values) => s + values[t], 0) / observed.length : null;
      return peers.reduce((sum, values, j) => sum + (known[j][t] ? values[t] - effects[j] : 0), 0) / count[t];
    });
  }

  /* Sampling variance of a percentage, from a least-squares fit of its own. */
  function binomialVariance(matrix, usable, values, sizes) {
    const times = usable.flatMap((here, t) => (here && values[t] !== null && sizes[t] > 0 ? [t] : []));
    const out = Array(usable.length).fill(null);
    if (!times.length) return out;
    const { coefficients } = leastSquares(times.map((t) => matrix[t]), times.map((t) => values[t] / 100));
    times.forEach((t) => {
      const share = Math.min(Math.max(dot(matrix[t], coefficients), 0.5 / sizes[t]), 1 - 0.5 / sizes[t]);
      out[t] = (1e4 * share * (1 - share)) / sizes[t];
    });
    return out;
  }

  /* Variance of each period over their geometric mean: sampling variance and what else there is. */
  function relativeVariance(matrix, y, sampling, used) {
    const times = used.flatMap((here, t) => (here ? [t] : []));
    const rows = times.map((t) => matrix[t]);
    const { residuals } = leastSquares(rows, times.map((t) => y[t]));
    const mean = times.reduce((sum, t) => sum + sampling[t], 0) / times.length;
    const free = Math.max(times.length - matrix[0].length, 1);
    const latent = Math.max(0, dot(residuals, residuals) / free - mean);
    const scale = Math.exp(times.reduce((sum, t) => sum + Math.log(latent + sampling[t]), 0) / times.length);
    return sampling.map((value) => (value === null ? 1 : (latent + value) / scale));
  }

  /* Why an interruption has too few periods on a side, or null. */
  function tooShort(study, used) {
    const ordered = study.interruptions.slice().sort((a, b) => a.start - b.start);
    const count = (from, to) => used.filter((here, t) => here && t >= from && t < to).length;
    const pieces = [[0, ordered[0].start, ordered[0]], ...ordered.map((item, number) => [
      item.shape === "step" ? item.start : item.start + item.phase_in,
      number + 1 < ordered.length ? ordered[number + 1].start : used.length, item])];
    for (const [from, to, item] of pieces) {
      const needed = item.shape === "step" ? NEEDED.step : NEEDED.slope, found = count(from, to);
      if (found < needed) return `${found} periods on one side of the start; ${needed} are needed`;
    }
    return null;
  }

  /* The answers of one study: a unit alone, or its gap to the mean of its peers.
   *
   * study: periods, masked, unit {values, sizes}, peers [{values, sizes}], difference, scale ("none" | "log"),
   * weighted, interruptions, season, seasonal (columns), order, year (periods of a year), confidence. */
  function answer(study) {
    const { matrix, usable, own } = design(study);
    const onScale = (values) => values.map((value) => (value === null || study.scale !== "log" ? value
      : Math.log(value)));
    const unit = onScale(study.unit.values), peers = study.peers.map((peer) => onScale(peer.values));
    let y = unit;
    if (study.difference) {
      if (!peers.length) throw new CannotFit("no peer is left");
      const means = peerMean(peers, usable);
      y = unit.map((value, t) => (value === null || means[t] === null ? null : value - means[t]));
    }
    const used = usable.map((here, t) => here && y[t] !== null);
    const short = tooShort(study, used);
    if (short) throw new CannotFit(short);
    let relative = null;
    if (study.weighted && study.scale === "none") {
      const variance = (one) => binomialVariance(matrix, usable, one.values, one.sizes);
      let sampling = variance(study.unit);
      if (study.difference) {
        const others = study.peers.map(variance);
        sampling = sampling.map((value, t) => {
          const known = others.map((row, j) => (study.peers[j].values[t] === null ? 0 : row[t]));
          const count = study.peers.filter((peer) => peer.values[t] !== null).length;
          if (value === null || known.includes(null)) return null;
          return value + known.reduce((sum, one) => sum + one, 0) / (count * count);
        });
      }
      if (used.every((here, t) => !here || sampling[t] !== null)) {
        relative = relativeVariance(matrix, y, sampling, used);
      }
    }
    const found = fit(matrix, y.map((value) => (value === null ? NaN : value)), used, study.order, relative);
    const main = study.interruptions[0], places = own[0], k = matrix[0].length;
    const unitVector = (values) => {
      const c = new Float64Array(k);
      Object.entries(values).forEach(([place, value]) => { c[place] = value; });
      return c;
    };
    const last = used.lastIndexOf(true);
    const ahead = Math.min(study.year, last - main.start - main.phase_in);
    const effects = {};
    const add = (name, values) => { effects[name] = contrast(found, unitVector(values), study.confidence); };
    if ("level" in places) add("level", { [places.level]: 1 });
    if ("slope" in places) add("slope", { [places.slope]: 1 });
    const year = {};
    if ("level" in places) year[places.level] = 1;
    if ("slope" in places) year[places.slope] = ahead;
    add("year", year);
    const fitted = matrix.map((row) => dot(row, found.params));
    const without = matrix.map((row) => {
      const off = Float64Array.from(row);
      Object.values(places).forEach((place) => { off[place] = 0; });
      return dot(off, found.params);
    });
    return { effects, ahead, used, y, fitted, without, fit: found, weighted: relative !== null };
  }

  return { answer, fit, contrast, twoSided, quantile, CannotFit };
})();

if (typeof module !== "undefined") module.exports = WhatIf;
